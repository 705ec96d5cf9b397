import { shuttingDown } from "../api/errors.ts";
import { untilAborted } from "../shared/untilAborted.ts";

/** Milliseconds that a closing server waits before it aborts uploads. */
const DRAIN_TIMEOUT_MS = 10_000;

/** Files and batches that clients are sending. A closing server waits for them, for a bounded time. */
export class Uploads {
  readonly #inProgress = new Set<Promise<unknown>>();
  readonly #aborted = new AbortController();
  readonly #drainTimeout: number;

  /** `drainTimeout` in milliseconds. */
  constructor(drainTimeout = DRAIN_TIMEOUT_MS) {
    this.#drainTimeout = drainTimeout;
  }

  /** Aborted with `ApiError` 529 once the drain timeout is over. */
  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  /** Has `drain` wait for a write. */
  async track<T>(step: Promise<T>): Promise<T> {
    this.#inProgress.add(step);
    try {
      return await step;
    } finally {
      this.#inProgress.delete(step);
    }
  }

  /** Passes a client's bytes through. Throws `ApiError` 529 on abort, even if the client has stopped sending. */
  async *abortable(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = content[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.wait(iterator.next());
        if (done) return;
        yield value;
      }
    } finally {
      // not awaited, because a stalled source would never return; its failure no longer matters
      void iterator.return?.().catch(() => {});
    }
  }

  /** Waits for a client. Throws `ApiError` 529 on abort. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return untilAborted(promise, this.#aborted.signal);
  }

  /** Resolves when every tracked write has ended; aborts uploads at the timeout. */
  async drain(): Promise<void> {
    const timer = setTimeout(() => this.#aborted.abort(shuttingDown()), this.#drainTimeout);
    await Promise.allSettled(this.#inProgress);
    clearTimeout(timer);
  }
}
