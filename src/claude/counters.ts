import { notSignedIn } from "../api/cliErrors.ts";
import type { EncodedJson } from "./encodedJson.ts";
import type { LaunchRequest } from "./launchPlan.ts";
import type { Lease } from "./pool.ts";
import { PrioritySemaphore } from "./prioritySemaphore.ts";
import type { CountRequest } from "./rewrite/exactCount.ts";
import { ExactCounter } from "./rewrite/exactCounter.ts";
import type { Worker } from "./worker.ts";
import { plainKey, type WorkerKey } from "./workerKey.ts";

export interface CountersParts {
  /** How many counts may wait. */
  maxQueue: number;
  /** Starts a worker, unless a blank one matchesPieces, and initializes it. */
  prepare(key: WorkerKey<string | EncodedJson> & LaunchRequest): Promise<Worker>;
  /** Throws `TransportUnavailable` where counts cannot be exact, or not any more. */
  requireExact(): Promise<void>;
  /** Whether the worker that was initialized last is signed in. */
  isSignedIn(): boolean;
  /** Takes a worker that counts by `rewrite` out of those that are idle. */
  take(): Worker | undefined;
  /** Takes such a worker back: it is idle then, unless it must not serve on. */
  giveBack(worker: Worker): Promise<void>;
  /** Takes what a worker has shown. */
  learnFrom(worker: Worker): void;
  /** Ends a worker. */
  dismiss(worker: Worker): void;
}

/** Counts at a time by `overlay`: each has a process of its own, which a request to the model may rather need. */
const MAX_OVERLAY_COUNTS = 2;

/** Workers that count tokens. They take no place from a request. */
export class Counters {
  readonly #parts: CountersParts;
  readonly #slots: PrioritySemaphore;
  readonly #exact: ExactCounter;

  constructor(parts: CountersParts) {
    this.#parts = parts;
    this.#slots = new PrioritySemaphore(MAX_OVERLAY_COUNTS, parts.maxQueue);
    this.#exact = new ExactCounter({ ...parts, start: () => this.#startExact() });
  }

  /**
   * Counts by `rewrite`, on workers that are kept for that. Throws `ApiError` for upstream's refusal, and when the line is
   * full or the CLI cannot be started; `TransportUnavailable`; and `CountUnavailable`.
   */
  async count(request: CountRequest, signal: AbortSignal): Promise<number> {
    await this.#parts.requireExact();
    return this.#exact.count(request, signal);
  }

  /**
   * Lends a fresh worker for a count by `overlay`, which ends with it. Throws `ApiError` when the line is full or the CLI
   * cannot be started.
   */
  async lease(system: string | EncodedJson, signal: AbortSignal): Promise<Lease> {
    const freeSlot = await this.#slots.acquire(signal);
    try {
      // it counts by the messages that the CLI holds, and is sent no request
      const worker = await this.#parts.prepare({ ...plainKey("overlay"), system });
      const release = () => {
        this.#parts.dismiss(worker);
        freeSlot();
      };
      return { worker, release };
    } catch (error) {
      freeSlot();
      throw error;
    }
  }

  /** Refuses everyone who waits, now and later. */
  close(): void {
    this.#slots.close();
    this.#exact.close();
  }

  async #startExact(): Promise<Worker> {
    const { prepare, isSignedIn, dismiss } = this.#parts;
    const worker = await prepare({ ...plainKey("rewrite"), counts: true });
    if (isSignedIn()) return worker;
    dismiss(worker);
    throw notSignedIn();
  }
}
