import { overloaded, shuttingDown } from "../api/errors.ts";

interface Waiting {
  start(): void;
  refuse(error: unknown): void;
}

/** Bounds how much runs at once: first come, first served, with a bounded line of those who wait. */
export class Slots {
  readonly #capacity: number;
  readonly #maxWaiting: number;
  readonly #line = new Set<Waiting>();
  #running = 0;
  #closed = false;

  constructor(capacity: number, maxWaiting: number) {
    this.#capacity = capacity;
    this.#maxWaiting = maxWaiting;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /**
   * Resolves with the function that gives the slot back. Throws `ApiError` (529) when the line is full,
   * and the signal's reason when it is aborted while waiting.
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#closed) throw shuttingDown();
    if (this.#running >= this.#capacity) {
      if (this.#line.size >= this.#maxWaiting) throw overloaded(this.#line.size);
      await this.#wait(signal);
    } else {
      this.#running += 1;
    }
    let held = true;
    return () => {
      if (held) this.#release();
      held = false;
    };
  }

  /** Refuses everyone who waits, now and later. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#line) waiting.refuse(shuttingDown());
    this.#line.clear();
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#line.delete(waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        start: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
        refuse: reject,
      };
      this.#line.add(waiting);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Hands the slot to the first in line, so that a newcomer cannot take it in between. */
  #release(): void {
    const [next] = this.#line;
    if (next) {
      this.#line.delete(next);
      next.start();
    } else {
      this.#running -= 1;
    }
  }
}
