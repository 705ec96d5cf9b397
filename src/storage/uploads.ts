import { shuttingDown } from "../api/errors.ts";

/** Milliseconds the server waits at its end before it breaks off what clients are sending. */
const DRAIN_TIMEOUT_MS = 10_000;

/** Uploads and batches that clients are sending. The server waits for them when it ends, for a bounded time. */
export class Uploads {
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #aborted = new AbortController();
  readonly #drainTimeout: number;

  /** `patience` in milliseconds. */
  constructor(patience = DRAIN_TIMEOUT_MS) {
    this.#drainTimeout = patience;
  }

  /** Aborted with `ApiError` 529 when they are broken off. */
  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  /** Counts a step until it has ended. */
  async track<T>(step: Promise<T>): Promise<T> {
    this.#underWay.add(step);
    try {
      return await step;
    } finally {
      this.#underWay.delete(step);
    }
  }

  /** The bytes of a client. Throws `ApiError` 529 once they are broken off, even if the client sends nothing any more. */
  async *abortable(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = content[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.wait(iterator.next());
        if (done) return;
        yield value;
      }
    } finally {
      // not awaited: a source that is stuck would not end
      void iterator.return?.().catch(() => {});
    }
  }

  /** Waits for something of a client. Throws `ApiError` 529 once that is broken off. */
  wait<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#aborted;
    return new Promise((resolve, reject) => {
      const breakOff = () => reject(signal.reason);
      if (signal.aborted) breakOff();
      signal.addEventListener("abort", breakOff, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", breakOff));
    });
  }

  /** Resolves when nothing is taken in any more. */
  async drain(): Promise<void> {
    const timer = setTimeout(() => this.#aborted.abort(shuttingDown()), this.#drainTimeout);
    await Promise.allSettled(this.#underWay);
    clearTimeout(timer);
  }
}
