import { cliSilent } from "../../../api/cliErrors.ts";
import { untilAborted } from "../../../shared/untilAborted.ts";
import { PrioritySemaphore } from "../../pool/prioritySemaphore.ts";
import type { Worker } from "../../worker.ts";
import { TransportUnavailable } from "../transport.ts";
import { type CountRequest, CountUnavailable, type ExactCount } from "./exactCount.ts";

export interface ExactCounterParts {
  maxQueue: number;
  take(): Worker | undefined;
  start(): Promise<Worker>;
  giveBack(worker: Worker): Promise<void>;
  learnFrom(worker: Worker): void;
  dismiss(worker: Worker): void;
}

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
  readonly #parts: ExactCounterParts;
  readonly #queue: PrioritySemaphore;
  readonly #counts = new WeakMap<Worker, ExactCount>();
  readonly #running = new Set<Counting>();
  /** A slow count that still holds up the next one, until another worker is allowed. */
  #waitingForSlot: Counting | undefined;

  constructor(parts: ExactCounterParts) {
    this.#parts = parts;
    this.#queue = new PrioritySemaphore(1, parts.maxQueue);
  }

  /**
   * Throws upstream's refusal, `ApiError` if the queue is full or no worker starts, `CountUnavailable`,
   * `TransportUnavailable`, and the signal's reason when aborted.
   */
  async count(request: CountRequest, signal: AbortSignal): Promise<number> {
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
        worker.served += 1;
        worker.contentDigest = request.contentDigest;
        try {
          return await count.count(request, signal);
        } catch (error) {
          if (error instanceof TransportUnavailable) this.#discard(counting, worker);
          if (worker.alive || error instanceof TransportUnavailable) throw error;
          // a count is free, so it is repeated once if its worker died
          if (isSecond || isLate || signal.aborted) throw new CountUnavailable((error as Error).message);
        } finally {
          worker.contentDigest = undefined;
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
    this.#parts.learnFrom(worker);
    this.#parts.dismiss(worker);
  }

  async #end(counting: Counting, counted: Promise<number>): Promise<void> {
    await counted.catch(() => {});
    const { worker } = counting;
    if (worker) await this.#parts.giveBack(worker).catch(() => this.#parts.dismiss(worker));
    this.#running.delete(counting);
    counting.startNext();
    this.#waitingForSlot?.startNext();
    this.#waitingForSlot = undefined;
  }

  async #ready(): Promise<{ worker: Worker; count: ExactCount }> {
    const idle = this.#parts.take();
    const known = idle && this.#counts.get(idle);
    if (known) return { worker: idle, count: known };
    const worker = await this.#parts.start();
    try {
      const count = worker.countExactly();
      await count.begin();
      this.#counts.set(worker, count);
      return { worker, count };
    } catch (error) {
      if (error instanceof TransportUnavailable) this.#parts.learnFrom(worker);
      this.#parts.dismiss(worker);
      throw error;
    }
  }
}
