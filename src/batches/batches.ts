import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { invalidRequest } from "../api/errors.ts";
import { describe } from "../api/messageDescriptors.ts";
import { PrioritySemaphore } from "../claude/pool/prioritySemaphore.ts";
import { DAY_MS } from "../shared/clock.ts";
import { errorText } from "../shared/errorText.ts";
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
  /** Concurrent requests of all batches together. */
  concurrency: number;
  backoff: BackoffOptions;
  /** Reads the large requests of a new batch. */
  readElement?: ReadElement;
}

/** Progress of a running batch; the API's own counts stay 0 until it ends. */
export interface Progress {
  id: string;
  total: number;
  done: number;
  paused: Pause | null;
}

/** Results are available for 29 days after creation (contract: "Message Batches"). */
const RESULT_RETENTION_MS = 29 * DAY_MS;
const ARCHIVE_INTERVAL_MS = 3600_000;
/** Batches that scan their files at the same time: thousands may resume at once at a start. */
const MAX_READERS = 4;

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
  #archiveTimer: NodeJS.Timeout | undefined;

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

  /** Resumes the batches that the last run of the server did not finish. */
  async onAcquire(): Promise<void> {
    const records = await retryOutOfHandles(() => this.#store.list({ skipUnreadable: true }));
    for (const record of records.reverse()) {
      this.#quota.addExisting(await this.#store.sizeOf(record.id));
      if (record.processing_status === "ended") await this.#store.dropRequests(record.id);
      else this.#start(record);
    }
    await this.#archive();
    this.#archiveTimer = setInterval(() => void this.#archive(), ARCHIVE_INTERVAL_MS).unref();
  }

  async onRelease(): Promise<void> {
    clearInterval(this.#archiveTimer);
    await this.halt({ drain: false });
  }

  /** Stops all batches; resolves after the last write. With `drain`, waits for the requests in flight. */
  async halt({ drain }: { drain: boolean }): Promise<void> {
    this.#closing.abort();
    for (const run of this.#runs.values()) run.halt({ drain });
    await Promise.all(this.#finished);
  }

  /** Stores a batch and starts it. Throws `ApiError`. */
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

  /** Cancels a batch; does nothing if it has ended. Throws `ApiError`. */
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

  /** Deletes an ended batch. Throws `ApiError`. */
  async remove(id: string): Promise<void> {
    await this.#directory.requireOwned();
    const record = await this.#store.get(id);
    if (record.processing_status !== "ended") {
      throw invalidRequest(
        `Message batch \`${id}\` is still being processed. Cancel it, and delete it once it has ended.`,
        undefined,
        describe("batch_running", { id }),
      );
    }
    await this.#store.remove(id);
  }

  /** Returns the results of an ended batch as JSONL. Throws `ApiError`. */
  async results(id: string): Promise<Readable> {
    const { processing_status, archived_at } = await this.#store.get(id);
    if (processing_status !== "ended") {
      throw invalidRequest(
        `The results of message batch \`${id}\` are available once its processing has ended.`,
        undefined,
        describe("results_pending", { id }),
      );
    }
    if (archived_at !== null) {
      throw invalidRequest(
        `The results of message batch \`${id}\` were archived on ${archived_at}.`,
        undefined,
        describe("results_archived", { id, time: archived_at }),
      );
    }
    return this.#store.readResults(id);
  }

  /** Progress of every running batch, oldest first. */
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
    // at most a full lifetime, even if the clock was set back
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

  /** Runs a batch until it ends. Removes unreadable lines, and retries later when the disk fails. */
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
        this.#logger.error(`batch ${id}: ${errorText(error as Error)}`);
        if (await this.#repair(id)) continue;
        const { signal } = this.#closing;
        // ends early when the server closes
        await delay(this.#options.backoff.maxMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Returns whether it removed unreadable lines, so that the batch can continue. */
  async #repair(id: string): Promise<boolean> {
    try {
      const repairs = await this.#store.repair(id);
      for (const repair of repairs) this.#logger.error(`batch ${id}: ${repair}. The batch continues without that data`);
      return repairs.length > 0;
    } catch (error) {
      this.#logger.error(`batch ${id}: ${errorText(error as Error)}`);
      return false;
    }
  }

  /** Archives old results. After a disk failure, the next run tries again. */
  async #archive(): Promise<void> {
    const before = new Date(Date.now() - RESULT_RETENTION_MS).toISOString();
    try {
      for (const record of await this.#store.list({ skipUnreadable: true })) {
        const ended = record.processing_status === "ended" && record.archived_at === null;
        if (ended && record.created_at < before) await this.#store.archive(record);
      }
    } catch (error) {
      this.#logger.error(`batches: ${errorText(error as Error)}`);
    }
  }
}
