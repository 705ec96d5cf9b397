import { notSignedIn } from "../../api/cliErrors.ts";
import type { LaunchRequest } from "../launchPlan.ts";
import type { EncodedJson } from "../protocol/encodedJson.ts";
import type { CountRequest } from "../transport/rewrite/exactCount.ts";
import { ExactCounter } from "../transport/rewrite/exactCounter.ts";
import type { Worker } from "../worker.ts";
import type { Lease } from "./pool.ts";
import { PrioritySemaphore } from "./prioritySemaphore.ts";
import { plainKey, type WorkerKey } from "./workerKey.ts";

export interface CountersParts {
  maxQueue: number;
  prepare(key: WorkerKey<string | EncodedJson> & LaunchRequest): Promise<Worker>;
  /** Throws `TransportUnavailable` if counts cannot be exact now. */
  requireExact(): Promise<void>;
  isSignedIn(): boolean;
  take(): Worker | undefined;
  /** Makes the worker idle, or stops it if it must not serve again. */
  giveBack(worker: Worker): Promise<void>;
  learnFrom(worker: Worker): void;
  dismiss(worker: Worker): void;
}

/** Concurrent counts by `overlay`. Each needs its own process, so keep this low. */
const MAX_OVERLAY_COUNTS = 2;

/** Workers that count tokens, apart from those that serve requests. */
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
   * Counts by `rewrite`. Throws `ApiError` if upstream rejects the request, the queue is full or no worker starts;
   * `TransportUnavailable`; `CountUnavailable`.
   */
  async count(request: CountRequest, signal: AbortSignal): Promise<number> {
    await this.#parts.requireExact();
    return this.#exact.count(request, signal);
  }

  /** Lends a fresh worker for one count by `overlay`. Throws `ApiError` if the queue is full or no worker starts. */
  async lease(system: string | EncodedJson, signal: AbortSignal): Promise<Lease> {
    const freeSlot = await this.#slots.acquire(signal);
    try {
      // a count sends no request, so the key needs no betas
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
