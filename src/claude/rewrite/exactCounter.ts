import { cliSilent } from "../../api/cliErrors.ts";
import { untilAborted } from "../../shared/untilAborted.ts";
import { isWorn, type WearParts } from "../isWorn.ts";
import { Slots } from "../slots.ts";
import { TransportUnsuited } from "../transport.ts";
import type { Worker } from "../worker.ts";
import { type CountOrder, type ExactCount, Uncounted } from "./exactCount.ts";

export interface ExactCounterParts extends WearParts {
  /** How many counts may wait. */
  maxQueue: number;
  /** Starts a worker that counts, and initializes it. */
  start(): Promise<Worker>;
  /** Whether a worker has the sign-in and the CLI of now. */
  isCurrent(worker: Worker): boolean;
  /** Takes what a worker has shown. */
  learn(worker: Worker): void;
  /** Ends a worker. */
  dismiss(worker: Worker): void;
}

interface Counting {
  worker: Worker;
  count: ExactCount;
}

/** Seconds after which a count is given up: far above the tenths that one takes. */
const COUNT_BOUND = 60;

/** Keeps one worker that counts, from the first count on. The CLI makes one count after the other. */
export class ExactCounter {
  readonly #parts: ExactCounterParts;
  readonly #line: Slots;
  #counting: Counting | undefined;

  constructor(parts: ExactCounterParts) {
    this.#parts = parts;
    this.#line = new Slots(1, parts.maxQueue);
  }

  /**
   * Throws upstream's refusal, `ApiError` when the line is full or the worker cannot be started, `Uncounted` and
   * `TransportUnsuited`, and the signal's reason when it is aborted.
   */
  async count(order: CountOrder, signal: AbortSignal): Promise<number> {
    const leave = await this.#line.acquire(signal);
    const counted = this.#count(order, signal);
    // the next one waits until the CLI is done with this one, even if its client has gone
    counted.catch(() => {}).finally(leave);
    return untilAborted(counted, signal);
  }

  /** Lets the worker go, since the sign-in may be another now. */
  renew(): void {
    // one that counts just now is replaced before the next count
    if (this.#counting && this.#line.running === 0) this.#dismiss(this.#counting);
  }

  /** Refuses everyone who waits, now and later. The worker is ended by its owner. */
  close(): void {
    this.#line.close();
  }

  async #count(order: CountOrder, signal: AbortSignal): Promise<number> {
    let isLate = false;
    const bound = setTimeout(() => {
      isLate = true;
      this.#counting?.worker.end(cliSilent("get_context_usage", COUNT_BOUND));
    }, COUNT_BOUND * 1000);
    try {
      for (let isSecond = false; ; isSecond = true) {
        const { worker, count } = await this.#ready();
        worker.served += 1;
        worker.conversation = order.conversation;
        try {
          return await count.count(order, signal);
        } catch (error) {
          if (error instanceof TransportUnsuited) this.#parts.learn(worker);
          if (worker.alive) throw error;
          // a count is free, so one of which the worker has died is made again
          if (isSecond || isLate || signal.aborted) throw new Uncounted((error as Error).message);
        } finally {
          worker.conversation = undefined;
        }
      }
    } finally {
      clearTimeout(bound);
    }
  }

  /** The worker that counts; a fresh one where that has ended or must not serve on. */
  async #ready(): Promise<Counting> {
    const kept = this.#counting;
    if (kept && (await this.#isFit(kept.worker))) return kept;
    if (kept) this.#dismiss(kept);
    const worker = await this.#parts.start();
    try {
      const count = worker.countExactly();
      await count.begin();
      this.#counting = { worker, count };
      return this.#counting;
    } catch (error) {
      if (error instanceof TransportUnsuited) this.#parts.learn(worker);
      this.#parts.dismiss(worker);
      throw error;
    }
  }

  async #isFit(worker: Worker): Promise<boolean> {
    return worker.alive && this.#parts.isCurrent(worker) && !(await isWorn(worker, this.#parts));
  }

  #dismiss({ worker }: Counting): void {
    this.#counting = undefined;
    this.#parts.dismiss(worker);
  }
}
