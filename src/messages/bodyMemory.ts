import { ByteBudget, type Hold } from "./byteBudget.ts";

export interface BodyMemoryOptions {
  /** Bytes of request bodies held at once, from their arrival to the first event of their answers. */
  maxBodyMemory: number;
  /** Bodies that may wait for it. */
  maxQueue: number;
}

/** Milliseconds a body waits for memory, in its socket, before the client is asked to try again. */
const MAX_WAIT = 60_000;
/** Bytes from which a body is large. */
const LARGE = 4 * 1024 * 1024;

/**
 * Bounds what all request bodies take together. Large ones, others and those of batches have shares of their own, so that
 * none waits for another kind.
 */
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

  /** Throws `ApiError` 529 when too many wait or it takes too long, and the signal's reason when it is aborted. */
  acquire(bytes: number, signal: AbortSignal, background = false): Promise<Hold> {
    const budget = background ? this.#background : bytes > LARGE ? this.#large : this.#medium;
    return budget.acquire(bytes, signal);
  }
}
