import { cliSilent, notSignedIn } from "../api/cliErrors.ts";
import type { CountingWorkers } from "../claude/pool/pool.ts";
import { PrioritySemaphore } from "../claude/pool/prioritySemaphore.ts";
import { plainKey } from "../claude/pool/workerKey.ts";
import { TransportUnavailable } from "../claude/transport/transport.ts";
import type { Worker } from "../claude/worker.ts";
import { untilAborted } from "../shared/untilAborted.ts";
import { type CountRequest, CountUnavailable, ExactCountSession } from "./exactCountSession.ts";

/** A count that has left the queue. */
interface Counting {
  request: CountRequest;
  signal: AbortSignal;
  worker?: Worker;
  /** Lets the next count begin; further calls have no effect. */
  startNext(): void;
}

/** When a count is given up, and when the next one no longer waits for it. Most take tenths of a second. */
const COUNT_TIMEOUT_MS = 60_000;
const SLOW_COUNT_MS = 2000;
/** Limit for concurrent counts, and so for counting workers. */
const MAX_CONCURRENT_COUNTS = 4;

/** Counts on workers, started with the first count: one, unless the API is slow. Each counts one body at a time. */
export class ExactCounter {
  readonly #workers: CountingWorkers;
  readonly #queue: PrioritySemaphore;
  readonly #counts = new WeakMap<Worker, ExactCountSession>();
  readonly #running = new Set<Counting>();
  /** A slow count that still holds up the next one, until another worker is allowed. */
  #waitingForSlot: Counting | undefined;

  constructor(workers: CountingWorkers, maxQueue: number) {
    this.#workers = workers;
    this.#queue = new PrioritySemaphore(1, maxQueue);
  }

  /**
   * Throws upstream's refusal, `ApiError` if the queue is full or no worker starts, `CountUnavailable`,
   * `TransportUnavailable`, and the signal's reason when aborted.
   */
  async count(request: CountRequest, signal: AbortSignal): Promise<number> {
    await this.#workers.requireExact();
    const counting: Counting = { request, signal, startNext: await this.#queue.acquire(signal) };
    this.#running.add(counting);
    const counted = this.#count(counting);
    // returns its worker once the CLI is done, even if the client has gone
    void this.#end(counting, counted);
    return untilAborted(counted, signal);
  }

  close(): void {
    this.#queue.close();
  }

  async #count(counting: Counting): Promise<number> {
    const { request, signal } = counting;
    let isLate = false;
    let timers: NodeJS.Timeout[] = [];
    try {
      for (let isSecond = false; ; isSecond = true) {
        const { worker, count } = await this.#ready();
        counting.worker = worker;
        if (!isSecond) {
          const giveUp = () => {
            isLate = true;
            counting.worker?.end(cliSilent("get_context_usage", COUNT_TIMEOUT_MS / 1000));
          };
          timers = [setTimeout(() => this.#overtake(counting), SLOW_COUNT_MS), setTimeout(giveUp, COUNT_TIMEOUT_MS)];
        }
        try {
          return await count.count(request, signal);
        } catch (error) {
          if (error instanceof TransportUnavailable) this.#discard(counting, worker);
          if (worker.alive || error instanceof TransportUnavailable) throw error;
          // a count is free, so it is repeated once if its worker died
          if (isSecond || isLate || signal.aborted) throw new CountUnavailable((error as Error).message);
        }
      }
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  /** Lets the next count begin on another worker while this one is slow. */
  #overtake(slow: Counting): void {
    if (this.#running.size < MAX_CONCURRENT_COUNTS) slow.startNext();
    else this.#waitingForSlot = slow;
  }

  #discard(counting: Counting, worker: Worker): void {
    delete counting.worker;
    this.#workers.learnFrom(worker);
    this.#workers.dismiss(worker);
  }

  async #end(counting: Counting, counted: Promise<number>): Promise<void> {
    await counted.catch(() => {});
    const { worker } = counting;
    if (worker) await this.#workers.giveBack(worker).catch(() => this.#workers.dismiss(worker));
    this.#running.delete(counting);
    counting.startNext();
    this.#waitingForSlot?.startNext();
    this.#waitingForSlot = undefined;
  }

  async #ready(): Promise<{ worker: Worker; count: ExactCountSession }> {
    const idle = this.#workers.take();
    const known = idle && this.#counts.get(idle);
    if (known) return { worker: idle, count: known };
    const worker = await this.#start();
    try {
      const count = worker.begin(new ExactCountSession(worker));
      await count.begin();
      this.#counts.set(worker, count);
      return { worker, count };
    } catch (error) {
      if (error instanceof TransportUnavailable) this.#workers.learnFrom(worker);
      this.#workers.dismiss(worker);
      throw error;
    }
  }

  async #start(): Promise<Worker> {
    const worker = await this.#workers.prepare({ ...plainKey("rewrite"), counts: true });
    if (this.#workers.isSignedIn()) return worker;
    this.#workers.dismiss(worker);
    throw notSignedIn();
  }
}
