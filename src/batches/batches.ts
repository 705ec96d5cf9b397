import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { invalidRequest } from "../api/errors.ts";
import { PrioritySemaphore } from "../claude/prioritySemaphore.ts";
import type { Logger } from "../shared/logger.ts";
import type { DataDirectory, Store } from "../storage/dataDirectory.ts";
import type { Quota } from "../storage/quota.ts";
import { retryOutOfHandles } from "../storage/stored.ts";
import type { ReadElement } from "./batchParser.ts";
import { BatchRun } from "./batchRun.ts";
import { type BackoffOptions, CircuitBreaker, type Pause } from "./circuitBreaker.ts";
import type { Execute } from "./execute.ts";
import type { BatchRecord } from "./record.ts";
import { BATCH_LIFETIME_MS, type BatchBody, BatchStore } from "./store.ts";

export interface BatchesOptions {
  /** Requests of batches that may be under way at once. */
  concurrency: number;
  backoff: BackoffOptions;
  /** How large requests of a new batch are read. */
  readElement?: ReadElement;
}

/** How far a batch has got, which the API's own counts do not tell before its end. */
export interface Progress {
  id: string;
  total: number;
  done: number;
  paused: Pause | null;
}

const DAY_MS = 24 * 3600_000;
/** Results are kept for 29 days after creation (contract: "Message Batches"). */
const RESULT_RETENTION_MS = 29 * DAY_MS;
const ARCHIVE_INTERVAL_MS = 3600_000;
/** Batches that read their files from end to end at once: thousands may begin together at a start. */
const MAX_READERS = 4;

/** The batches of this data directory: takes them in, runs them, keeps their results. */
export class Batches implements Store {
  readonly #directory: DataDirectory;
  readonly #store: BatchStore;
  readonly #quota: Quota;
  readonly #options: BatchesOptions;
  readonly #logger: Logger;
  readonly #execute: Execute;
  readonly #slots: PrioritySemaphore;
  readonly #readers = new PrioritySemaphore(MAX_READERS, Number.POSITIVE_INFINITY);
  readonly #breaker: CircuitBreaker;
  readonly #runs = new Map<string, BatchRun>();
  readonly #finished = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #archiver: NodeJS.Timeout | undefined;

  constructor(directory: DataDirectory, quota: Quota, execute: Execute, options: BatchesOptions, logger: Logger) {
    this.#directory = directory;
    this.#quota = quota;
    this.#execute = execute;
    this.#options = options;
    this.#logger = logger;
    this.#store = new BatchStore(directory, quota, logger, options.readElement);
    this.#slots = new PrioritySemaphore(options.concurrency, Number.POSITIVE_INFINITY);
    this.#breaker = new CircuitBreaker(options.backoff, ({ until, reason }) =>
      logger.warn(`batches pause until ${until}: ${reason}`),
    );
  }

  /** Goes on with what the last run of the server has left. */
  async onAcquire(): Promise<void> {
    for (const record of (await retryOutOfHandles(() => this.#store.list())).reverse()) {
      this.#quota.addExisting(await this.#store.sizeOf(record.id));
      if (record.processing_status === "ended") await this.#store.dropRequests(record.id);
      else this.#start(record);
    }
    await this.#archive();
    this.#archiver = setInterval(() => void this.#archive(), ARCHIVE_INTERVAL_MS).unref();
  }

  async onRelease(): Promise<void> {
    clearInterval(this.#archiver);
    await this.halt({ drain: false });
  }

  /** Stops them all; resolves when none writes any more. With `drain`, requests that are under way end first. */
  async halt({ drain }: { drain: boolean }): Promise<void> {
    this.#closing.abort();
    for (const run of this.#runs.values()) run.halt({ drain });
    await Promise.all(this.#finished);
  }

  /** Takes a batch in and starts it. Throws `ApiError`. */
  async create(body: BatchBody, apiVersion: string, betas: string[]): Promise<BatchRecord> {
    const record = await this.#store.create(body, apiVersion, betas);
    this.#start(record);
    return record;
  }

  list(): Promise<BatchRecord[]> {
    return this.#store.list();
  }

  /** Throws `ApiError` 404. */
  get(id: string): Promise<BatchRecord> {
    return this.#store.get(id);
  }

  /** Ends a batch early; one that has ended stays as it is. Throws `ApiError`. */
  async cancel(id: string): Promise<BatchRecord> {
    await this.#directory.requireOwned();
    const run = this.#runs.get(id);
    if (!run) return this.#store.get(id);
    const { record } = run;
    if (record.processing_status === "in_progress") {
      Object.assign(record, { processing_status: "canceling", cancel_initiated_at: new Date().toISOString() });
      run.cancel();
      await this.#store.save(record);
    }
    return record;
  }

  /** Deletes a batch that has ended. Throws `ApiError`. */
  async remove(id: string): Promise<void> {
    await this.#directory.requireOwned();
    const record = await this.#store.get(id);
    if (record.processing_status !== "ended") {
      throw invalidRequest(
        `Message batch \`${id}\` is still being processed. Cancel it, and delete it once it has ended.`,
      );
    }
    await this.#store.remove(id);
  }

  /** The results of a batch that has ended, as JSONL. Throws `ApiError`. */
  async results(id: string): Promise<Readable> {
    const { processing_status, archived_at } = await this.#store.get(id);
    if (processing_status !== "ended") {
      throw invalidRequest(`The results of message batch \`${id}\` are available once its processing has ended.`);
    }
    if (archived_at !== null) {
      throw invalidRequest(`The results of message batch \`${id}\` were archived on ${archived_at}.`);
    }
    return this.#store.readResults(id);
  }

  /** Of every batch that runs here, oldest first. */
  get progress(): Progress[] {
    const paused = this.#breaker.pause;
    return [...this.#runs.values()].map((run) => {
      const { id, total } = run.record;
      return { id, total, done: run.done, paused };
    });
  }

  #start(record: BatchRecord): void {
    const { backoff } = this.#options;
    const bounds = { slots: this.#slots, readers: this.#readers, breaker: this.#breaker, backoff };
    const run = new BatchRun(record, { store: this.#store, execute: this.#execute, ...bounds, logger: this.#logger });
    this.#runs.set(record.id, run);
    if (record.processing_status === "canceling") run.cancel();
    // no longer than a batch may last, also where the clock was set back since
    const left = Math.min(BATCH_LIFETIME_MS, Math.max(0, Date.parse(record.expires_at) - Date.now()));
    if (left === 0) run.expire();
    const timer = setTimeout(() => run.expire(), left);
    const finished = this.#runToEnd(run).finally(() => {
      clearTimeout(timer);
      this.#runs.delete(record.id);
      this.#finished.delete(finished);
    });
    this.#finished.add(finished);
  }

  /** Runs it to its end; what cannot be read is left out, and a disk that fails is given time. */
  async #runToEnd(run: BatchRun): Promise<void> {
    const { id, total } = run.record;
    this.#logger.info(`batch ${id}: ${total} requests`);
    while (!this.#closing.signal.aborted) {
      try {
        await run.run();
        if (run.record.processing_status === "ended") {
          this.#logger.info(`batch ${id} ended: ${JSON.stringify(run.record.counts)}`);
        }
        return;
      } catch (error) {
        this.#logger.error(`batch ${id}: ${(error as Error).message}`);
        if (await this.#repair(id)) continue;
        const { signal } = this.#closing;
        await delay(this.#options.backoff.longest, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Whether something of a batch could not be read, and now it can be run without. */
  async #repair(id: string): Promise<boolean> {
    try {
      const wrong = await this.#store.repair(id);
      for (const what of wrong) this.#logger.error(`batch ${id}: ${what}. It goes on without`);
      return wrong.length > 0;
    } catch (error) {
      this.#logger.error(`batch ${id}: ${(error as Error).message}`);
      return false;
    }
  }

  /** A disk that fails is tried again the next time. */
  async #archive(): Promise<void> {
    const before = new Date(Date.now() - RESULT_RETENTION_MS).toISOString();
    try {
      for (const record of await this.#store.list()) {
        const ended = record.processing_status === "ended" && record.archived_at === null;
        if (ended && record.created_at < before) await this.#store.archive(record);
      }
    } catch (error) {
      this.#logger.error(`batches: ${(error as Error).message}`);
    }
  }
}
