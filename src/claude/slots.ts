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
  readonly #background = new Set<Waiting>();
  #running = 0;
  #runningBehind = 0;
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
    this.#admit(signal);
    if (this.#running >= this.#capacity) {
      if (this.#line.size >= this.#maxWaiting) throw overloaded(this.#line.size);
      await this.#wait(this.#line, signal);
    } else {
      this.#running += 1;
    }
    return once(() => {
      this.#running -= 1;
      this.#next();
    });
  }

  /**
   * A slot for work that nobody waits for: it is given only what is left over, in a line without bound, and never
   * keeps others waiting, who may for that time be one capacity more.
   */
  async acquireBehind(signal: AbortSignal): Promise<() => void> {
    this.#admit(signal);
    if (this.#isLeftOver) this.#runningBehind += 1;
    else await this.#wait(this.#background, signal);
    return once(() => {
      this.#runningBehind -= 1;
      this.#next();
    });
  }

  /** Refuses everyone who waits, now and later. */
  close(): void {
    this.#closed = true;
    for (const line of [this.#line, this.#background]) {
      for (const waiting of line) waiting.refuse(shuttingDown());
      line.clear();
    }
  }

  #admit(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#closed) throw shuttingDown();
  }

  get #isLeftOver(): boolean {
    return this.#running + this.#runningBehind < this.#capacity && this.#line.size === 0;
  }

  #wait(line: Set<Waiting>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        line.delete(waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        start: () => {
          line.delete(waiting);
          signal.removeEventListener("abort", leave);
          resolve();
        },
        refuse: reject,
      };
      line.add(waiting);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Hands what is free to the first in line at once, so that a newcomer cannot take it in between. */
  #next(): void {
    for (const waiting of this.#line) {
      if (this.#running >= this.#capacity) return;
      this.#running += 1;
      waiting.start();
    }
    for (const waiting of this.#background) {
      if (!this.#isLeftOver) return;
      this.#runningBehind += 1;
      waiting.start();
    }
  }
}

/** A slot is given back once, however often that is asked for. */
function once(giveBack: () => void): () => void {
  let held = true;
  return () => {
    if (held) giveBack();
    held = false;
  };
}
