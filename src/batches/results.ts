import { open, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { type ApiError, answerNotSerializable, storageFailed } from "../api/errors.ts";
import type { Message } from "../api/events.ts";
import { stringify } from "../api/exactJson.ts";
import { newId } from "../api/ids.ts";
import { PRIVATE_FILE_MODE } from "../shared/privateFiles.ts";
import { syncDirectory, withStorageErrors } from "../storage/durable.ts";
import { readJsonLines } from "../storage/jsonLines.ts";
import { type Counts, type Outcome, zeroCounts } from "./record.ts";
import { readStoredLine } from "./storedLine.ts";

/** The result of one request, as the API returns it (contract: "Message Batches"). */
export type Result =
  | { type: "succeeded"; message: Message }
  | { type: "errored"; error: object }
  | { type: "canceled" | "expired" };

/** A line of `results.jsonl`. */
export interface ResultLine {
  custom_id: string;
  result: Result;
}

interface PendingResult {
  custom_id: string;
  outcome: Outcome;
  line: string;
  resolve(): void;
  reject(error: Error): void;
}

/** The results of a running batch. A result survives a crash once `append` has resolved. */
export class Results {
  readonly #path: string;
  /** Ids of the requests whose result is stored. */
  readonly done: Set<string>;
  readonly counts: Counts;
  #syncedSize: number;
  /** Whether the file may contain bytes after `#syncedSize`. */
  #hasPartialWrite = false;
  #queue: PendingResult[] = [];
  #flushing: Promise<void> | undefined;

  /** Creates the file, or opens a previous run's and truncates an incomplete last line. Throws `ApiError`. */
  static async open(path: string): Promise<Results> {
    await withStorageErrors(create(path));
    const { done, counts, size } = await withStorageErrors(readSynced(path));
    await withStorageErrors(truncate(path, size));
    return new Results(path, done, counts, size);
  }

  private constructor(path: string, done: Set<string>, counts: Counts, size: number) {
    this.#path = path;
    this.done = done;
    this.counts = counts;
    this.#syncedSize = size;
  }

  /** Resolves once the result is synced to disk. Concurrent calls share one write. Throws `ApiError` 500. */
  append(custom_id: string, result: Result): Promise<void> {
    const entry = toLine(custom_id, result);
    return new Promise((resolve, reject) => {
      this.#queue.push({ custom_id, ...entry, resolve, reject });
      this.#flushing ??= Promise.resolve().then(() => this.#flush());
    });
  }

  /** Resolves after the last write. Throws `ApiError` 500 if a partial write cannot be truncated. */
  async close(): Promise<void> {
    await this.#flushing;
    await withStorageErrors(this.#truncatePartialWrite());
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#write(Buffer.from(batch.map(({ line }) => line).join("")));
        for (const { custom_id, outcome, resolve } of batch) {
          this.done.add(custom_id);
          this.counts[outcome] += 1;
          resolve();
        }
      } catch (error) {
        for (const { reject } of batch) reject(storageFailed(error as Error));
      }
    }
    // no await since the last check of the queue, so that the next `append` starts a new flush
    this.#flushing = undefined;
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#truncatePartialWrite();
    // closed again after the write, so that waiting batches hold no file handles
    await using file = await open(this.#path, "r+");
    this.#hasPartialWrite = true;
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, from, bytes.length - from, this.#syncedSize + from);
      from += bytesWritten;
    }
    await file.datasync();
    this.#syncedSize += bytes.length;
    this.#hasPartialWrite = false;
  }

  /** Truncates what a failed write left behind, because half a line would corrupt the next one. */
  async #truncatePartialWrite(): Promise<void> {
    if (this.#hasPartialWrite) await truncate(this.#path, this.#syncedSize);
    this.#hasPartialWrite = false;
  }
}

export function errored(error: ApiError): Result {
  return { type: "errored", error: error.toEnvelope(error.requestId ?? newId("req")) };
}

/** Serializes a result. A message that is nested too deeply becomes an error, because a retry would not help. */
function toLine(custom_id: string, result: Result): { outcome: Outcome; line: string } {
  try {
    return { outcome: result.type, line: `${stringify({ custom_id, result } satisfies ResultLine)}\n` };
  } catch (error) {
    return toLine(custom_id, errored(answerNotSerializable(error as Error)));
  }
}

async function create(path: string): Promise<void> {
  await (await open(path, "a", PRIVATE_FILE_MODE)).close();
  await syncDirectory(dirname(path));
}

/** Reads the synced results. Only the end of the file can be damaged, by a power cut. */
async function readSynced(path: string) {
  const done = new Set<string>();
  const counts = zeroCounts();
  let size = 0;
  try {
    for await (const { value, end } of readJsonLines<ResultLine>(path, readStoredLine)) {
      done.add(value.custom_id);
      counts[value.result.type] += 1;
      size = end;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { done, counts, size };
}
