import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { storageFailed } from "../api/errors.ts";
import { PRIVATE_FILE } from "../shared/privateFiles.ts";

/**
 * Writes a whole file: afterwards it holds either what it held before or all of `content`, also after a power cut.
 * Throws `ApiError` 500 when the disk is full or may not be written to.
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    await using file = await open(draft, "wx", PRIVATE_FILE);
    await file.writeFile(content);
    await file.sync();
    await file.close();
    await rename(draft, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw storageFailed(error as Error);
  }
}

/** Moves a finished directory to where it counts, in one step. */
export async function commitDirectory(draft: string, path: string): Promise<void> {
  await syncDirectory(draft);
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** Makes what was created, renamed or removed in a directory survive a power cut; Windows knows no such call. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}

/** A step whose failure is the disk's, and no fault of whoever sent the data. Throws `ApiError` 500. */
export function withStorageErrors<T>(step: Promise<T>): Promise<T> {
  return step.catch((error: Error) => {
    throw storageFailed(error);
  });
}
