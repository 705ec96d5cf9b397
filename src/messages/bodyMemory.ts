import { ByteBudget, type Hold } from "./byteBudget.ts";

export interface BodyMemoryOptions {
  /**
   * Bytes of request bodies held at once, from their arrival to the first event of their answers; files that they name may
   * take half as much on top.
   */
  maxBodyMemory: number;
  /** Bodies that may wait for it. */
  maxQueue: number;
}

/** Milliseconds a body waits in its socket for memory before it is answered with 529. */
const MAX_WAIT_MS = 60_000;
/** Bytes from which a body is large. */
const LARGE_BODY_BYTES = 4 * 1024 * 1024;

/**
 * Bounds the bytes of all request bodies together, with a share each for large ones, smaller ones and those of batches. Files
 * have shares of their own: a request acquires memory for them while it holds some for its body.
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

  /** Throws `ApiError` 529 when too many wait or the wait is too long, and the signal's reason when it is aborted. */
  acquire(bytes: number, signal: AbortSignal, background = false): Promise<Hold> {
    const budget = background ? this.#background : bytes > LARGE_BODY_BYTES ? this.#large : this.#medium;
    return budget.acquire(bytes, signal);
  }

  /** As `acquire`, for the files that a request names. */
  acquireForFiles(bytes: number, signal: AbortSignal, background = false): Promise<Hold> {
    return (background ? this.#backgroundFiles : this.#files).acquire(bytes, signal);
  }
}
