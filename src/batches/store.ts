import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { open, rename, rm, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { batchNotFound, readFailed } from "../api/errors.ts";
import { newId } from "../api/ids.ts";
import { newestFirst } from "../api/paging.ts";
import { isMissing } from "../api/systemErrors.ts";
import { DAY_MS } from "../shared/clock.ts";
import type { Logger } from "../shared/logger.ts";
import { SerialQueue } from "../shared/serialQueue.ts";
import { Slicer } from "../shared/slices.ts";
import type { DataDirectory } from "../storage/dataDirectory.ts";
import { syncDirectory, withStorageErrors } from "../storage/durable.ts";
import { writeJson } from "../storage/jsonFile.ts";
import type { Quota } from "../storage/quota.ts";
import { StagingDir } from "../storage/stagingDir.ts";
import { listDirectory, type ReadOptions, StoredReader } from "../storage/stored.ts";
import { BatchParser, type ReadElement } from "./batchParser.ts";
import { type BatchRecord, type Counts, storedBatch, zeroCounts } from "./record.ts";
import { repairJsonl, storedRequest, storedResult } from "./repairJsonl.ts";

const RECORD_FILE = "batch.json";
const REQUESTS_FILE = "requests.jsonl";
const RESULTS_FILE = "results.jsonl";
const BATCH_ID = /^msgbatch_[A-Za-z0-9]{1,64}$/;
/** A batch expires this long after its creation. */
export const BATCH_LIFETIME_MS = DAY_MS;

export interface BatchBody {
  bytes: AsyncIterable<Uint8Array>;
  signal: AbortSignal;
}

/** Batches on disk. `batches/ID/` holds `batch.json`, `results.jsonl` and, until the batch ends, `requests.jsonl`. */
export class BatchStore {
  readonly #directory: DataDirectory;
  readonly #quota: Quota;
  readonly #readElement: ReadElement | undefined;
  readonly #records: StoredReader<BatchRecord>;
  /** Shared, so that all new batches together take one slice per turn of the event loop. */
  readonly #slicer = new Slicer();
  #newestTime = 0;
  /** Runs one change at a time, so that none sees another one half done. */
  readonly #changes = new SerialQueue();

  constructor(directory: DataDirectory, quota: Quota, logger: Logger, readElement?: ReadElement) {
    this.#readElement = readElement;
    this.#directory = directory;
    this.#quota = quota;
    this.#records = new StoredReader(storedBatch, "batches", logger);
  }

  requestsPath(id: string): string {
    return this.#directory.at("batches", id, REQUESTS_FILE);
  }

  resultsPath(id: string): string {
    return this.#directory.at("batches", id, RESULTS_FILE);
  }

  /** Stores the requests while they arrive. Throws `ApiError`, and then leaves nothing behind. */
  create(body: BatchBody, api_version: string, betas: string[]): Promise<BatchRecord> {
    return this.#directory.uploads.track(this.#create(body, api_version, betas));
  }

  async #create({ bytes, signal }: BatchBody, api_version: string, betas: string[]): Promise<BatchRecord> {
    await this.#directory.requireOwned();
    const draft = new StagingDir(this.#directory.at("drafts", randomUUID()), this.#quota);
    try {
      const { uploads } = this.#directory;
      const ended = AbortSignal.any([signal, uploads.signal]);
      const parser = new BatchParser(ended, this.#slicer.begin(ended), this.#readElement);
      await draft.write(REQUESTS_FILE, parser.lines(uploads.abortable(bytes)));
      // no two batches share a millisecond, so that lists have one order
      this.#newestTime = Math.max(Date.now(), this.#newestTime + 1);
      const record: BatchRecord = {
        id: newId("msgbatch", this.#newestTime),
        processing_status: "in_progress",
        created_at: new Date(this.#newestTime).toISOString(),
        expires_at: new Date(this.#newestTime + BATCH_LIFETIME_MS).toISOString(),
        ended_at: null,
        cancel_initiated_at: null,
        archived_at: null,
        total: parser.count,
        counts: zeroCounts(),
        api_version,
        betas,
      };
      await draft.writeJson(RECORD_FILE, record);
      await draft.commit(this.#directory.at("batches", record.id));
      return record;
    } catch (error) {
      await draft.rollback();
      throw error;
    }
  }

  /** Newest first. Throws `ApiError`. */
  async list(options?: ReadOptions): Promise<BatchRecord[]> {
    const ids = await listDirectory(this.#directory.at("batches"));
    const records: BatchRecord[] = [];
    // sequentially, because thousands at once would exhaust the file handles
    for (const id of ids) {
      const record = BATCH_ID.test(id) ? await this.#records.read(this.#recordPath(id), id, options) : undefined;
      if (record) records.push(record);
    }
    return records.sort(newestFirst);
  }

  /** Throws `ApiError` 404. */
  async get(id: string): Promise<BatchRecord> {
    const record = BATCH_ID.test(id) ? await this.#read(id) : undefined;
    if (!record) throw batchNotFound(id);
    return record;
  }

  /** Returns the results file as a stream that has begun to read. Throws `ApiError`, 404 if it was deleted. */
  async readResults(id: string): Promise<Readable> {
    try {
      const results = (await open(this.resultsPath(id))).createReadStream();
      await once(results, "readable");
      return results;
    } catch (error) {
      throw isMissing(error) ? batchNotFound(id) : readFailed(error as Error);
    }
  }

  /** Stores the record as it is when the write begins, so that no older state overwrites a newer one. */
  save(record: BatchRecord): Promise<void> {
    return this.#changes.run(() => this.#write(record));
  }

  /** Marks a batch as ended and deletes its requests. */
  end(record: BatchRecord, counts: Counts): Promise<void> {
    Object.assign(record, { processing_status: "ended", ended_at: new Date().toISOString(), counts });
    return this.#changes.run(async () => {
      await this.#write(record);
      await this.#drop(record.id);
    });
  }

  /** Deletes the requests of an ended batch. */
  dropRequests(id: string): Promise<void> {
    return this.#changes.run(() => this.#drop(id));
  }

  /** Removes the unreadable lines of a running batch, so that it can end. Resolves with what it repaired. */
  async repair(id: string): Promise<string[]> {
    const size = await this.sizeOf(id);
    const repairs: string[] = [];
    const requests = await repairJsonl(this.requestsPath(id), storedRequest);
    if (requests) repairs.push(`${REQUESTS_FILE} ${requests}`);
    this.#quota.release(size - (await this.sizeOf(id)));
    const results = await repairJsonl(this.resultsPath(id), storedResult);
    if (results) repairs.push(`${RESULTS_FILE} ${results}`);
    return repairs;
  }

  /** Deletes the results; the batch stays listed. */
  archive({ id }: BatchRecord): Promise<void> {
    return this.#changes.run(async () => {
      const record = await this.#read(id);
      if (!record) return;
      await this.#write({ ...record, archived_at: new Date().toISOString() });
      await rm(this.resultsPath(id), { force: true });
    });
  }

  /** Throws `ApiError` 404. */
  remove(id: string): Promise<void> {
    return this.#changes.run(async () => {
      await this.get(id);
      const trash = this.#directory.at("drafts", id);
      await withStorageErrors(rename(this.#directory.at("batches", id), trash));
      await withStorageErrors(syncDirectory(this.#directory.at("batches")));
      // if this fails, the next start removes it with all drafts
      await rm(trash, { recursive: true, force: true }).catch(() => {});
    });
  }

  /** Bytes of the requests; 0 once they are deleted. Throws `ApiError`. */
  async sizeOf(id: string): Promise<number> {
    try {
      return (await stat(this.requestsPath(id))).size;
    } catch (error) {
      if (isMissing(error)) return 0;
      throw readFailed(error as Error);
    }
  }

  #write(record: BatchRecord): Promise<void> {
    return writeJson(this.#recordPath(record.id), record);
  }

  async #drop(id: string): Promise<void> {
    const size = await this.sizeOf(id);
    await rm(this.requestsPath(id), { force: true });
    this.#quota.release(size);
  }

  #read(id: string): Promise<BatchRecord | undefined> {
    return this.#records.read(this.#recordPath(id), id);
  }

  #recordPath(id: string): string {
    return this.#directory.at("batches", id, RECORD_FILE);
  }
}
