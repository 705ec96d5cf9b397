import { ByteBudget, type Hold } from "./byteBudget.ts";

export interface BodyMemoryOptions {
  /** Bytes of request bodies held at once, from their arrival to the first event of their answers. */
  maxBodyMemory: number;
  /** Bodies that may wait for it. */
  maxQueue: number;
}

/** Milliseconds a body waits in its socket for memory before it is answered with 529. */
const MAX_WAIT = 60_000;
/** Bytes from which a body is large. */
const LARGE = 4 * 1024 * 1024;

/** Bounds the bytes of all request bodies together, with a share each for large ones, smaller ones and those of batches. */
export class BodyMemory {
  readonly #large: ByteBudget;
  readonly #medium: ByteBudget;
  readonly #background: ByteBudget;

  constructor({ maxBodyMemory, maxQueue }: BodyMemoryOptions, maxWait = MAX_WAIT) {
    this.#large = new ByteBudget(maxBodyMemory / 2, maxQueue, maxWait);
    this.#medium = new ByteBudget(maxBodyMemory / 4, maxQueue, maxWait);
    this.#background = new ByteBudget(maxBodyMemory / 4, Number.POSITIVE_INFINITY, 0);
  }

  get held(): number {
    return this.#large.held + this.#medium.held + this.#background.held;
  }

  /** Throws `ApiError` 529 when too many wait or the wait is too long, and the signal's reason when it is aborted. */
  acquire(bytes: number, signal: AbortSignal, background = false): Promise<Hold> {
    const budget = background ? this.#background : bytes > LARGE ? this.#large : this.#medium;
    return budget.acquire(bytes, signal);
  }
}
