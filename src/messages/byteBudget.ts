import { overloaded } from "../api/errors.ts";

export interface Hold {
  /** Returns all but `bytes`. */
  shrink(bytes: number): void;
  /** Returns the rest. May be called again. */
  release(): void;
}

interface Waiting {
  bytes: number;
  grant(): void;
}

/** Limits bytes held at once, first in, first out. Limits its queue in length and time. */
export class ByteBudget {
  readonly #capacity: number;
  readonly #maxWaiting: number;
  readonly #maxWait: number;
  readonly #queue = new Set<Waiting>();
  #held = 0;

  /** `maxWait` in milliseconds; 0 for no limit. */
  constructor(capacity: number, maxWaiting: number, maxWait: number) {
    this.#capacity = capacity;
    this.#maxWaiting = maxWaiting;
    this.#maxWait = maxWait;
  }

  get held(): number {
    return this.#held;
  }

  /**
   * Resolves once `bytes` are granted; more than the capacity only while nothing else is held. Throws `ApiError` 529 if
   * the queue is full or the wait takes too long, and the signal's reason.
   */
  async acquire(bytes: number, signal: AbortSignal): Promise<Hold> {
    signal.throwIfAborted();
    if (this.#queue.size > 0 || !this.#fits(bytes)) await this.#wait(bytes, signal);
    else this.#held += bytes;
    let held = bytes;
    const shrink = (left: number) => {
      if (left >= held) return;
      this.#held -= held - left;
      held = left;
      this.#next();
    };
    return { shrink, release: () => shrink(0) };
  }

  #fits(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#capacity;
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#queue.size >= this.#maxWaiting) throw overloaded(this.#queue.size);
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown) => {
        done();
        reject(reason);
        // the next in the queue may fit
        this.#next();
      };
      const abort = () => leave(signal.reason);
      const late = this.#maxWait > 0 ? setTimeout(() => leave(overloaded(this.#queue.size)), this.#maxWait) : undefined;
      const done = () => {
        this.#queue.delete(waiting);
        signal.removeEventListener("abort", abort);
        clearTimeout(late);
      };
      const waiting = {
        bytes,
        grant: () => {
          done();
          this.#held += bytes;
          resolve();
        },
      };
      this.#queue.add(waiting);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  #next(): void {
    for (const waiting of this.#queue) {
      if (!this.#fits(waiting.bytes)) return;
      waiting.grant();
    }
  }
}
