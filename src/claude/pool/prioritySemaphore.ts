import { overloaded, shuttingDown } from "../../api/errors.ts";

interface Waiting {
  start(): void;
  refuse(error: unknown): void;
}

/** Limits concurrency: first come, first served, with a bounded queue. */
export class PrioritySemaphore {
  readonly #capacity: number;
  readonly #maxQueued: number;
  readonly #queue = new Set<Waiting>();
  readonly #lowPriority = new Set<Waiting>();
  #running = 0;
  #runningLowPriority = 0;
  #closed = false;

  constructor(capacity: number, maxQueued: number) {
    this.#capacity = capacity;
    this.#maxQueued = maxQueued;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Resolves with the function that releases the slot. Throws `ApiError` (529) if the queue is full, and the signal's
   * reason when aborted.
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    this.#admit(signal);
    if (this.#running >= this.#capacity) {
      if (this.#queue.size >= this.#maxQueued) throw overloaded(this.#queue.size);
      await this.#wait(this.#queue, signal);
    } else {
      this.#running += 1;
    }
    return once(() => {
      this.#running -= 1;
      this.#next();
    });
  }

  /**
   * Granted only while no interactive request is queued; interactive requests may exceed the capacity while it runs.
   * The queue is unbounded.
   */
  async acquireLowPriority(signal: AbortSignal): Promise<() => void> {
    this.#admit(signal);
    if (this.#hasSpareCapacity) this.#runningLowPriority += 1;
    else await this.#wait(this.#lowPriority, signal);
    return once(() => {
      this.#runningLowPriority -= 1;
      this.#next();
    });
  }

  close(): void {
    this.#closed = true;
    for (const queue of [this.#queue, this.#lowPriority]) {
      for (const waiting of queue) waiting.refuse(shuttingDown());
      queue.clear();
    }
  }

  #admit(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#closed) throw shuttingDown();
  }

  get #hasSpareCapacity(): boolean {
    return this.#running + this.#runningLowPriority < this.#capacity && this.#queue.size === 0;
  }

  #wait(queue: Set<Waiting>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        queue.delete(waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        start: () => {
          queue.delete(waiting);
          signal.removeEventListener("abort", leave);
          resolve();
        },
        refuse: reject,
      };
      queue.add(waiting);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Gives free slots to the queue at once, so that a new request cannot overtake it. */
  #next(): void {
    for (const waiting of this.#queue) {
      if (this.#running >= this.#capacity) return;
      this.#running += 1;
      waiting.start();
    }
    for (const waiting of this.#lowPriority) {
      if (!this.#hasSpareCapacity) return;
      this.#runningLowPriority += 1;
      waiting.start();
    }
  }
}

function once(giveBack: () => void): () => void {
  let held = true;
  return () => {
    if (held) giveBack();
    held = false;
  };
}
