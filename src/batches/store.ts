import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { open, rename, rm, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { batchNotFound, readFailed } from "../api/errors.ts";
import { newId } from "../api/ids.ts";
import { newestFirst } from "../api/paging.ts";
import { isMissing } from "../api/systemErrors.ts";
import type { Logger } from "../shared/logger.ts";
import { Slicer } from "../shared/slices.ts";
import type { DataDirectory } from "../storage/dataDirectory.ts";
import { syncDirectory, withStorageErrors, writeDurably } from "../storage/durable.ts";
import type { Quota } from "../storage/quota.ts";
import { formatJson, StagingDir } from "../storage/stagingDir.ts";
import { namesIn, StoredReader } from "../storage/stored.ts";
import { BatchParser, type ReadElement } from "./batchParser.ts";
import { type BatchRecord, type Counts, noCounts, storedBatch } from "./record.ts";
import { isRequest, isResult, repairJsonl } from "./repairJsonl.ts";

const RECORD_FILE = "batch.json";
const REQUESTS_FILE = "requests.jsonl";
const RESULTS_FILE = "results.jsonl";
const BATCH_ID = /^msgbatch_[A-Za-z0-9]{1,64}$/;
/** Milliseconds after which a batch expires. */
export const BATCH_LIFETIME_MS = 24 * 3600_000;

/** A new batch as its client sends it. */
export interface BatchBody {
  bytes: AsyncIterable<Uint8Array>;
  /** Aborted when the client has left. */
  signal: AbortSignal;
}

/** Batches on disk: `batches/ID/` holds `batch.json`, `requests.jsonl` until the end, and `results.jsonl`. */
export class BatchStore {
  readonly #directory: DataDirectory;
  readonly #quota: Quota;
  readonly #readElement: ReadElement | undefined;
  readonly #records: StoredReader<BatchRecord>;
  /** All new batches together take one slice per turn of the event loop. */
  readonly #slicer = new Slicer();
  #newestTime = 0;
  #lastChange: Promise<void> = Promise.resolve();

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

  /** Stores the requests as they come in. Throws `ApiError`, and leaves nothing behind then. */
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
      // no two batches are of the same millisecond, so that lists have one order
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
        counts: noCounts(),
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

  /** Every batch, newest first. */
  async list(): Promise<BatchRecord[]> {
    const ids = await namesIn(this.#directory.at("batches"));
    const records: BatchRecord[] = [];
    // one after the other, since thousands at once would exhaust the file handles
    for (const id of ids) {
      const record = BATCH_ID.test(id) ? await this.#records.readForList(this.#recordPath(id), id) : undefined;
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

  /** The results as they lie there, with the first of them read. Throws `ApiError`, 404 when they have been deleted. */
  async readResults(id: string): Promise<Readable> {
    try {
      const results = (await open(this.resultsPath(id))).createReadStream();
      await once(results, "readable");
      return results;
    } catch (error) {
      throw isMissing(error) ? batchNotFound(id) : readFailed(error as Error);
    }
  }

  /** Stores what the record says by the time it is its turn, so that no older state overwrites a newer one. */
  save(record: BatchRecord): Promise<void> {
    return this.#serialize(() => this.#write(record));
  }

  /** Every request has its result: says so, and lets the requests go. */
  end(record: BatchRecord, counts: Counts): Promise<void> {
    Object.assign(record, { processing_status: "ended", ended_at: new Date().toISOString(), counts });
    return this.#serialize(async () => {
      await this.#write(record);
      await this.#drop(record.id);
    });
  }

  /** Lets go of requests that have all been answered. */
  dropRequests(id: string): Promise<void> {
    return this.#serialize(() => this.#drop(id));
  }

  /** Leaves of a batch that runs what can be read, so that it can end. Resolves with what was wrong. */
  async repair(id: string): Promise<string[]> {
    const size = await this.sizeOf(id);
    const draft = this.#directory.at("drafts", randomUUID());
    const wrong: string[] = [];
    const requests = await repairJsonl(this.requestsPath(id), isRequest, draft);
    if (requests) wrong.push(`${REQUESTS_FILE} ${requests}`);
    this.#quota.release(size - (await this.sizeOf(id)));
    const results = await repairJsonl(this.resultsPath(id), isResult, draft);
    if (results) wrong.push(`${RESULTS_FILE} ${results}`);
    return wrong;
  }

  /** Takes the results away; the batch stays listed. */
  archive({ id }: BatchRecord): Promise<void> {
    return this.#serialize(async () => {
      const record = await this.#read(id);
      if (!record) return;
      await this.#write({ ...record, archived_at: new Date().toISOString() });
      await rm(this.resultsPath(id), { force: true });
    });
  }

  /** Throws `ApiError` 404. */
  remove(id: string): Promise<void> {
    return this.#serialize(async () => {
      await this.get(id);
      const grave = this.#directory.at("drafts", id);
      await withStorageErrors(rename(this.#directory.at("batches", id), grave));
      await withStorageErrors(syncDirectory(this.#directory.at("batches")));
      // what resists now goes with all drafts at the next start
      await rm(grave, { recursive: true, force: true }).catch(() => {});
    });
  }

  /** One change after the other: none may find another one half done. */
  #serialize(change: () => Promise<void>): Promise<void> {
    const changed = this.#lastChange.then(change);
    this.#lastChange = changed.catch(() => {});
    return changed;
  }

  /** Bytes of the requests that are stored for a batch. */
  async sizeOf(id: string): Promise<number> {
    return (await stat(this.requestsPath(id)).catch(() => ({ size: 0 }))).size;
  }

  #write(record: BatchRecord): Promise<void> {
    return writeDurably(this.#recordPath(record.id), formatJson(record));
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
