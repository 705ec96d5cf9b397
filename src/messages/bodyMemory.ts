import { ByteBudget, type Hold } from "./byteBudget.ts";

export interface BodyMemoryOptions {
  /**
   * Bytes of bodies held at once, from arrival to the first event of the answer. Their files may take half as much
   * again.
   */
  maxBodyMemory: number;
  maxQueue: number;
}

/** A body that waits longer in its socket is answered with 529. */
const MAX_WAIT_MS = 60_000;
const LARGE_BODY_BYTES = 4 * 1024 * 1024;

/**
 * Limits the bytes of all request bodies. Large, smaller and batch bodies have separate budgets, and so have files,
 * which a request acquires while it holds memory for its body.
 */
export class BodyMemory {
  readonly #large: ByteBudget;
  readonly #medium: ByteBudget;
  readonly #background: ByteBudget;
  readonly #files: ByteBudget;
  readonly #backgroundFiles: ByteBudget;

  constructor({ maxBodyMemory, maxQueue }: BodyMemoryOptions, maxWait = MAX_WAIT_MS) {
    this.#large = new ByteBudget(maxBodyMemory / 2, maxQueue, maxWait);
    this.#medium = new ByteBudget(maxBodyMemory / 4, maxQueue, maxWait);
    this.#background = new ByteBudget(maxBodyMemory / 4, Number.POSITIVE_INFINITY, 0);
    this.#files = new ByteBudget(maxBodyMemory / 4, maxQueue, maxWait);
    this.#backgroundFiles = new ByteBudget(maxBodyMemory / 4, Number.POSITIVE_INFINITY, 0);
  }

  get held(): number {
    const budgets = [this.#large, this.#medium, this.#background, this.#files, this.#backgroundFiles];
    return budgets.reduce((sum, { held }) => sum + held, 0);
  }

  /** Throws `ApiError` 529 if too many wait or the wait takes too long, and the signal's reason. */
  acquire(bytes: number, signal: AbortSignal, background = false): Promise<Hold> {
    const budget = background ? this.#background : bytes > LARGE_BODY_BYTES ? this.#large : this.#medium;
    return budget.acquire(bytes, signal);
  }

  acquireForFiles(bytes: number, signal: AbortSignal, background = false): Promise<Hold> {
    return (background ? this.#backgroundFiles : this.#files).acquire(bytes, signal);
  }
}
