import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateDirectory, PRIVATE_FILE_MODE } from "../shared/privateFiles.ts";
import { commitDirectory, withStorageErrors } from "./durable.ts";
import { formatJson } from "./jsonFile.ts";
import type { Quota } from "./quota.ts";

/** A directory under construction, invisible to readers until it is committed. */
export class StagingDir {
  readonly #path: string;
  readonly #quota: Quota;
  #size = 0;

  constructor(path: string, quota: Quota) {
    this.#path = path;
    this.#quota = quota;
  }

  /** Bytes written by `write`. */
  get size(): number {
    return this.#size;
  }

  /** Streams a file to disk. Throws `ApiError` if the quota or the disk is full, and whatever `content` throws. */
  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    await withStorageErrors(makePrivateDirectory(this.#path));
    await using file = await withStorageErrors(open(join(this.#path, name), "wx", PRIVATE_FILE_MODE));
    for await (const chunk of content) {
      this.#quota.reserve(chunk.length);
      this.#size += chunk.length;
      await withStorageErrors(file.writeFile(chunk));
    }
    await withStorageErrors(file.sync());
  }

  async writeJson(name: string, content: object): Promise<void> {
    await using file = await withStorageErrors(open(join(this.#path, name), "wx", PRIVATE_FILE_MODE));
    await withStorageErrors(file.writeFile(formatJson(content)));
    await withStorageErrors(file.sync());
  }

  /** Renames the directory to its final path. Throws `ApiError` 500. */
  async commit(path: string): Promise<void> {
    await withStorageErrors(commitDirectory(this.#path, path));
  }

  /** Deletes the directory and returns its bytes to the quota. */
  async rollback(): Promise<void> {
    this.#quota.release(this.#size);
    this.#size = 0;
    await rm(this.#path, { recursive: true, force: true });
  }
}
