import { open, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { type ApiError, storageFailed, unstorable } from "../api/errors.ts";
import type { Message } from "../api/events.ts";
import { stringify } from "../api/exactJson.ts";
import { newId } from "../api/ids.ts";
import { PRIVATE_FILE } from "../shared/privateFiles.ts";
import { syncDirectory, withStorageErrors } from "../storage/durable.ts";
import { readJsonLines } from "../storage/jsonLines.ts";
import { type Counts, noCounts, type Outcome } from "./record.ts";
import { readStoredLine } from "./storedLine.ts";

/** How one request has ended, as the API tells it (contract: "Message Batches"). */
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
  written(): void;
  failed(error: Error): void;
}

/** The results of a batch that runs. What `append` has resolved for survives any end of the process. */
export class Results {
  readonly #path: string;
  /** Ids whose result is stored. */
  readonly done: Set<string>;
  readonly counts: Counts;
  #syncedSize: number;
  /** Whether the file may hold something behind `#size`. */
  #hasPartialWrite = false;
  #queue: PendingResult[] = [];
  #flushing: Promise<void> | undefined;

  /** Opens the file, new or as a former run has left it: what was not written whole is taken away. Throws `ApiError`. */
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

  /**
   * Resolves once the result is on the disk, or where it cannot be written as JSON, the error that says so; results that
   * come together are written together. Throws `ApiError` 500.
   */
  append(custom_id: string, result: Result): Promise<void> {
    const entry = toLine(custom_id, result);
    return new Promise((written, failed) => {
      this.#queue.push({ custom_id, ...entry, written, failed });
      this.#flushing ??= Promise.resolve().then(() => this.#flush());
    });
  }

  /** Resolves when nothing is written any more. Throws `ApiError` 500 when the file cannot be left in order. */
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
        for (const { custom_id, outcome, written } of batch) {
          this.done.add(custom_id);
          this.counts[outcome] += 1;
          written();
        }
      } catch (error) {
        for (const { failed } of batch) failed(storageFailed(error as Error));
      }
    }
    // in the same step as the last look at the queue: what is appended a moment later must find that nobody writes
    this.#flushing = undefined;
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#truncatePartialWrite();
    // open for as long as it is written to: batches that wait hold no file handle
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

  /** Takes away what a write that failed has left, since half a line would spoil the next one. */
  async #truncatePartialWrite(): Promise<void> {
    if (this.#hasPartialWrite) await truncate(this.#path, this.#syncedSize);
    this.#hasPartialWrite = false;
  }
}

export function errored(error: ApiError): Result {
  return { type: "errored", error: error.toEnvelope(error.requestId ?? newId("req")) };
}

/** The line for a result; an answer nested too deep has none, and to try again would not help. */
function toLine(custom_id: string, result: Result): { outcome: Outcome; line: string } {
  try {
    return { outcome: result.type, line: `${stringify({ custom_id, result } satisfies ResultLine)}\n` };
  } catch (error) {
    return toLine(custom_id, errored(unstorable(error as Error)));
  }
}

async function create(path: string): Promise<void> {
  await (await open(path, "a", PRIVATE_FILE)).close();
  await syncDirectory(dirname(path));
}

/** What a file of results holds. Only its end can be broken, as a power cut leaves it: all before was synced. */
async function readSynced(path: string) {
  const done = new Set<string>();
  const counts = noCounts();
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
