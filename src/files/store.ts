import { randomUUID } from "node:crypto";
import { readFile, rename, rm } from "node:fs/promises";
import {
  fileExpired,
  fileNotFound,
  invalidRequest,
  readFailed,
  requestTooLarge,
  storageFailed,
} from "../api/errors.ts";
import { newId } from "../api/ids.ts";
import { describe } from "../api/messageDescriptors.ts";
import { newestFirst } from "../api/paging.ts";
import { isMissing } from "../api/systemErrors.ts";
import { DAY_MS } from "../shared/clock.ts";
import { errorText } from "../shared/errorText.ts";
import type { Logger } from "../shared/logger.ts";
import type { DataDirectory, Store } from "../storage/dataDirectory.ts";
import { syncDirectory, withStorageErrors } from "../storage/durable.ts";
import type { Quota } from "../storage/quota.ts";
import { StagingDir } from "../storage/stagingDir.ts";
import { listDirectory, type ReadOptions, retryOutOfHandles, StoredReader } from "../storage/stored.ts";
import { checkFilename, contentName, type FileMetadata, mimeTypeOf, storedFile } from "./metadata.ts";

export interface Upload {
  filename: string;
  /** From the part's `content-type`. */
  mimeType: string;
  content: AsyncIterable<Uint8Array>;
}

/** See the API's documentation: "Files API", storage limits. */
const MAX_FILE_BYTES = 500 * 1024 * 1024;
const CLEAN_UP_INTERVAL_MS = 3600_000;
const FILE_ID = /^file_[A-Za-z0-9]{1,64}$/;

/** Uploaded files. `files/ID/` holds `meta.json` and the content; it appears complete or not at all. */
export class FileStore implements Store {
  readonly #directory: DataDirectory;
  readonly #quota: Quota;
  readonly #retentionMs: number;
  readonly #logger: Logger;
  readonly #metadataReader: StoredReader<FileMetadata>;
  /** Never invalidated, because metadata does not change. */
  readonly #cache = new Map<string, FileMetadata>();
  #cleanUpTimer: NodeJS.Timeout | undefined;
  #newestTime = 0;

  /** Deletes files after `keepDays` days; 0 keeps them. */
  constructor(directory: DataDirectory, quota: Quota, keepDays: number, logger: Logger) {
    this.#directory = directory;
    this.#quota = quota;
    this.#retentionMs = keepDays * DAY_MS;
    this.#logger = logger;
    this.#metadataReader = new StoredReader(storedFile, "files", logger);
  }

  async onAcquire(): Promise<void> {
    for (const { size_bytes } of await retryOutOfHandles(() => this.#readAll({ skipUnreadable: true })))
      this.#quota.addExisting(size_bytes);
    await this.#cleanUp();
    this.#cleanUpTimer = setInterval(
      () => void this.#directory.uploads.track(this.#cleanUp()),
      CLEAN_UP_INTERVAL_MS,
    ).unref();
  }

  async onRelease(): Promise<void> {
    clearInterval(this.#cleanUpTimer);
  }

  /**
   * `finish` resolves with the file's lifetime in seconds when the client has sent everything. Throws `ApiError`, and
   * then leaves nothing behind.
   */
  add(upload: Upload, finish: () => Promise<number | undefined>): Promise<FileMetadata> {
    return this.#directory.uploads.track(this.#add(upload, finish));
  }

  async #add(upload: Upload, finish: () => Promise<number | undefined>): Promise<FileMetadata> {
    const { filename, mimeType, content } = upload;
    const { uploads } = this.#directory;
    checkFilename(filename);
    await this.#directory.requireOwned();
    const draft = new StagingDir(this.#directory.at("drafts", randomUUID()), this.#quota);
    try {
      await draft.write(contentName(filename), limitSize(uploads.abortable(content)));
      const expiresIn = await uploads.wait(finish());
      if (draft.size === 0) {
        throw invalidRequest("file: The file must not be empty", undefined, describe("file_empty", {}));
      }
      const metadata = this.#createMetadata(draft.size, filename, mimeType, expiresIn);
      await draft.writeJson("meta.json", metadata);
      await draft.commit(this.#directory.at("files", metadata.id));
      this.#cache.set(metadata.id, metadata);
      return metadata;
    } catch (error) {
      await draft.rollback();
      throw error;
    }
  }

  /** Newest first, without expired files. Throws `ApiError`. */
  async list(): Promise<FileMetadata[]> {
    return (await this.#readAll()).filter((file) => !isExpired(file));
  }

  /** Throws `ApiError` 404. */
  async get(id: string): Promise<FileMetadata> {
    const file = FILE_ID.test(id) ? await this.#read(id) : undefined;
    if (!file) throw fileNotFound(id);
    if (isExpired(file)) throw fileExpired(id);
    return file;
  }

  /** Reads a file's bytes. Throws `ApiError`, 404 if the file was deleted in the meantime. */
  async content({ id, filename }: FileMetadata): Promise<Buffer> {
    try {
      return await readFile(this.#directory.at("files", id, contentName(filename)));
    } catch (error) {
      throw isMissing(error) ? fileNotFound(id) : readFailed(error as Error);
    }
  }

  /** Throws `ApiError` 404. */
  async remove(id: string): Promise<void> {
    await this.#directory.requireOwned();
    await this.#directory.uploads.track(this.#remove(await this.get(id)));
  }

  #createMetadata(size: number, filename: string, mimeType: string, expiresIn: number | undefined): FileMetadata {
    // no two files share a millisecond, so that lists have one order
    this.#newestTime = Math.max(Date.now(), this.#newestTime + 1);
    return {
      type: "file",
      id: newId("file", this.#newestTime),
      filename,
      mime_type: mimeTypeOf(filename, mimeType),
      size_bytes: size,
      created_at: new Date(this.#newestTime).toISOString(),
      downloadable: false,
      expires_at: expiresIn === undefined ? null : new Date(this.#newestTime + 1000 * expiresIn).toISOString(),
    };
  }

  async #remove({ id, size_bytes }: FileMetadata): Promise<void> {
    const trash = this.#directory.at("drafts", id);
    try {
      await rename(this.#directory.at("files", id), trash);
    } catch (error) {
      throw isMissing(error) ? fileNotFound(id) : storageFailed(error as Error);
    }
    this.#cache.delete(id);
    this.#quota.release(size_bytes);
    await withStorageErrors(syncDirectory(this.#directory.at("files")));
    // if this fails, the next start removes it with all drafts
    await rm(trash, { recursive: true, force: true }).catch(() => {});
  }

  async #cleanUp(): Promise<void> {
    const before = new Date(Date.now() - this.#retentionMs).toISOString();
    const files = await this.#readAll({ skipUnreadable: true }).catch((error: Error) => this.#logFailure(error));
    for (const file of files ?? []) {
      if (!isExpired(file) && (this.#retentionMs === 0 || file.created_at >= before)) continue;
      // a file that cannot be removed must not stop the clean-up
      await this.#remove(file).catch((error: Error) => this.#logFailure(error));
    }
  }

  #logFailure(error: Error): undefined {
    this.#logger.error(`files: ${errorText(error)}`);
  }

  async #readAll(options?: ReadOptions): Promise<FileMetadata[]> {
    const ids = await listDirectory(this.#directory.at("files"));
    const present = new Set(ids);
    for (const id of this.#cache.keys()) if (!present.has(id)) this.#cache.delete(id);
    const files: FileMetadata[] = [];
    // sequentially, because thousands at once would exhaust the file handles
    for (const id of ids) {
      const file = FILE_ID.test(id) ? await this.#read(id, options) : undefined;
      if (file) files.push(file);
    }
    return files.sort(newestFirst);
  }

  async #read(id: string, options?: ReadOptions): Promise<FileMetadata | undefined> {
    const cached = this.#cache.get(id);
    if (cached && this.#directory.isOwned) return cached;
    const metadata = await this.#metadataReader.read(this.#directory.at("files", id, "meta.json"), id, options);
    if (metadata) this.#cache.set(id, metadata);
    return metadata;
  }
}

function isExpired({ expires_at }: FileMetadata): boolean {
  return expires_at !== null && expires_at <= new Date().toISOString();
}

async function* limitSize(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > MAX_FILE_BYTES) throw requestTooLarge("500 MB");
    yield chunk;
  }
}
