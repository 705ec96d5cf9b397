import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateDirectory, PRIVATE_FILE } from "../shared/privateFiles.ts";
import { onDisk, publishDirectory } from "./durable.ts";
import type { Quota } from "./quota.ts";

/** A directory that is being filled, out of sight until it is complete. */
export class StagingDir {
  readonly #path: string;
  readonly #quota: Quota;
  #size = 0;

  constructor(path: string, quota: Quota) {
    this.#path = path;
    this.#quota = quota;
  }

  /** Bytes of what was streamed in. */
  get size(): number {
    return this.#size;
  }

  /** Streams a file to disk. Throws `ApiError` when the quota or the disk is full, and what `content` throws. */
  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    await onDisk(makePrivateDirectory(this.#path));
    await using file = await onDisk(open(join(this.#path, name), "wx", PRIVATE_FILE));
    for await (const chunk of content) {
      this.#quota.take(chunk.length);
      this.#size += chunk.length;
      await onDisk(file.writeFile(chunk));
    }
    await onDisk(file.sync());
  }

  /** Adds a small file for people and programs to read. Throws `ApiError` 500. */
  async writeJson(name: string, content: object): Promise<void> {
    await using file = await onDisk(open(join(this.#path, name), "wx", PRIVATE_FILE));
    await onDisk(file.writeFile(formatJson(content)));
    await onDisk(file.sync());
  }

  /** Moves it to where it counts. Throws `ApiError` 500. */
  async commit(path: string): Promise<void> {
    await onDisk(publishDirectory(this.#path, path));
  }

  /** Leaves nothing behind. */
  async rollback(): Promise<void> {
    this.#quota.giveBack(this.#size);
    this.#size = 0;
    await rm(this.#path, { recursive: true, force: true });
  }
}

/** How small files are written: for a person to read. */
export function formatJson(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}
