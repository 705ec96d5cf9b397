import { cliSilent } from "../../api/cliErrors.ts";
import { untilAborted } from "../../shared/untilAborted.ts";
import { PrioritySemaphore } from "../prioritySemaphore.ts";
import { TransportUnavailable } from "../transport.ts";
import type { Worker } from "../worker.ts";
import { type CountRequest, CountUnavailable, type ExactCount } from "./exactCount.ts";

export interface ExactCounterParts {
  /** How many counts may wait. */
  maxQueue: number;
  /** Takes a worker that counts out of those that are idle. */
  take(): Worker | undefined;
  /** Starts a worker that counts, and initializes it. */
  start(): Promise<Worker>;
  /** Takes a worker back: it waits for another count, unless it must not serve on. */
  giveBack(worker: Worker): Promise<void>;
  /** Takes what a worker has shown. */
  learnFrom(worker: Worker): void;
  /** Ends a worker. */
  dismiss(worker: Worker): void;
}

/** A count that has left the line. */
interface Counting {
  request: CountRequest;
  signal: AbortSignal;
  worker?: Worker;
  /** Lets the next one in line begin; further calls have no effect. */
  leave(): void;
}

/** Milliseconds after which a count is given up, and after which the next one no longer waits for it; most take tenths. */
const COUNT_TIMEOUT_MS = 60_000;
const SLOW_COUNT_MS = 2000;
/** Most counts under way, and so workers that count. */
const MAX_CONCURRENT_COUNTS = 4;

/** Has workers count, from the first count on: one, unless the API is slow. The CLI makes one count after the other. */
export class ExactCounter {
  readonly #parts: ExactCounterParts;
  readonly #queue: PrioritySemaphore;
  readonly #counts = new WeakMap<Worker, ExactCount>();
  readonly #running = new Set<Counting>();
  /** A slow count that keeps the next one waiting all the same, until there may be another worker. */
  #waitingForSlot: Counting | undefined;

  constructor(parts: ExactCounterParts) {
    this.#parts = parts;
    this.#queue = new PrioritySemaphore(1, parts.maxQueue);
  }

  /**
   * Throws upstream's refusal, `ApiError` when the line is full or the worker cannot be started, `CountUnavailable` and
   * `TransportUnavailable`, and the signal's reason when it is aborted.
   */
  async count(request: CountRequest, signal: AbortSignal): Promise<number> {
    const counting: Counting = { request, signal, leave: await this.#queue.acquire(signal) };
    this.#running.add(counting);
    const counted = this.#count(counting);
    // its worker is taken when the CLI is done with it, even if its client has gone
    void this.#end(counting, counted);
    return untilAborted(counted, signal);
  }

  /** Refuses everyone who waits, now and later. The workers are ended by their owner. */
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
        worker.conversation = request.conversation;
        try {
          return await count.count(request, signal);
        } catch (error) {
          if (error instanceof TransportUnavailable) this.#discard(counting, worker);
          if (worker.alive || error instanceof TransportUnavailable) throw error;
          // a count is free, so one of which the worker has died is made again
          if (isSecond || isLate || signal.aborted) throw new CountUnavailable((error as Error).message);
        } finally {
          worker.conversation = undefined;
        }
      }
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  /** Lets the next count begin beside one that is slow, on another worker. */
  #overtake(slow: Counting): void {
    if (this.#running.size < MAX_CONCURRENT_COUNTS) slow.leave();
    else this.#waitingForSlot = slow;
  }

  /** Ends a worker that cannot count, and takes what it has shown. */
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
    counting.leave();
    this.#waitingForSlot?.leave();
    this.#waitingForSlot = undefined;
  }

  /** A worker that counts: an idle one, else a new one. */
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
