import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { storageFailed } from "../api/errors.ts";
import { PRIVATE_FILE_MODE } from "../shared/privateFiles.ts";

/**
 * Replaces a file atomically: even after a power cut it holds either its old content or all of `content`.
 * Throws `ApiError` 500 if the disk is full or not writable.
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    await using file = await open(draft, "wx", PRIVATE_FILE_MODE);
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

/** Moves a finished directory to its final path, atomically. */
export async function commitDirectory(draft: string, path: string): Promise<void> {
  await syncDirectory(draft);
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** Makes changes to a directory's entries survive a power cut. Windows has no such call. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}

/** Turns the failure of a file system call into `ApiError` 500: it is not the client's fault. */
export function withStorageErrors<T>(step: Promise<T>): Promise<T> {
  return step.catch((error: Error) => {
    throw storageFailed(error);
  });
}
