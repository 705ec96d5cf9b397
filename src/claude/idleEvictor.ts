import type { IdleWorkers } from "./idleWorkers.ts";
import { proportionalBytes } from "./memory.ts";
import type { Worker } from "./worker.ts";

export interface IdleLimits {
  /** Most idle workers with a key. */
  maxIdleWorkers: number;
  /** Bytes that these may have together; 0 for any number. */
  maxIdleMemory: number;
  /** Milliseconds without work after which one with a key is let go. */
  idleTimeout: number;
}

/**
 * Milliseconds for which a worker has been idle before it is let go: requests that come in waves find the workers of the
 * wave before, and no request waits while memory is read.
 */
const MIN_IDLE_MS = 1000;

/** Lets idle workers go beyond a number, a size and a time, longest idle first. Blank ones do not count, since they are wanted. */
export class IdleEvictor {
  readonly #idle: IdleWorkers;
  readonly #options: IdleLimits;
  readonly #dismiss: (worker: Worker) => void;
  readonly #read: typeof proportionalBytes;
  readonly #expiryTimer: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(idle: IdleWorkers, options: IdleLimits, dismiss: (worker: Worker) => void, read = proportionalBytes) {
    this.#idle = idle;
    this.#options = options;
    this.#dismiss = dismiss;
    this.#read = read;
    this.#expiryTimer = setInterval(() => this.#evictExpired(), Math.max(1000, options.idleTimeout / 4)).unref();
  }

  /** Call when a worker has become idle. */
  check(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => void this.#evictExcess(), MIN_IDLE_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#expiryTimer);
  }

  #evictExpired(): void {
    const before = performance.now() - this.#options.idleTimeout;
    for (const worker of this.#idle.takeExpired(before)) this.#dismiss(worker);
  }

  async #evictExcess(): Promise<void> {
    this.#timer = undefined;
    const { maxIdleWorkers, maxIdleMemory } = this.#options;
    const isNumberKept = this.#evict(this.#idle.keyed.length - maxIdleWorkers);
    const isSizeKept = maxIdleMemory === 0 || this.#evict(await this.#excessCount(maxIdleMemory));
    if (!isNumberKept || !isSizeKept) this.check();
  }

  /** How many of the longest idle workers must go for the others to keep within this size; 0 where no size is known. */
  async #excessCount(bound: number): Promise<number> {
    const pids = this.#idle.keyed.flatMap(({ pid }) => pid ?? []);
    const sizes = await this.#read(pids, bound).catch(() => new Map<number, number>());
    // some of them may be busy by now
    const left = this.#idle.keyed.map(({ pid = -1 }) => sizes.get(pid) ?? 0);
    let size = left.reduce((sum, bytes) => sum + bytes, 0);
    let count = 0;
    for (; size > bound; count++) size -= left[count] ?? size;
    return count;
  }

  /** Whether this many could go at once: some may not have been idle for long enough. */
  #evict(count: number): boolean {
    if (count <= 0) return true;
    const gone = this.#idle.takeOldest(count, performance.now() - MIN_IDLE_MS);
    for (const worker of gone) this.#dismiss(worker);
    return gone.length >= count;
  }
}
