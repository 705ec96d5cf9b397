import { proportionalBytes } from "../process/memory.ts";
import type { Worker } from "../worker.ts";
import type { IdleWorkers } from "./idleWorkers.ts";

export interface IdleLimits {
  maxIdleWorkers: number;
  maxIdleMemory: number;
  /** Milliseconds after which an idle worker that has a key is stopped. */
  idleTimeout: number;
}

/** Requests in waves find the previous wave's workers, and none waits while memory is read. */
const MIN_IDLE_MS = 1000;

/** Stops idle workers beyond a count, a size and an age, longest idle first. Blank workers do not count. */
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

  /** How many to evict so that the others fit; 0 if sizes are unknown. */
  async #excessCount(bound: number): Promise<number> {
    const pids = this.#idle.keyed.flatMap(({ pid }) => pid ?? []);
    const sizes = await this.#read(pids, bound).catch(() => new Map<number, number>());
    // some may be busy by now
    const left = this.#idle.keyed.map(({ pid = -1 }) => sizes.get(pid) ?? 0);
    let size = left.reduce((sum, bytes) => sum + bytes, 0);
    let count = 0;
    for (; size > bound; count++) size -= left[count] ?? size;
    return count;
  }

  /** Returns false if some had not been idle long enough. */
  #evict(count: number): boolean {
    if (count <= 0) return true;
    const gone = this.#idle.takeOldest(count, performance.now() - MIN_IDLE_MS);
    for (const worker of gone) this.#dismiss(worker);
    return gone.length >= count;
  }
}
