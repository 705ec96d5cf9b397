import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { storageFailed } from "../api/errors.ts";
import { placeFile } from "../shared/placeFile.ts";

/**
 * Replaces a file atomically: even after a power cut it holds either its old content or all of `content`.
 * Throws `ApiError` 500 if the disk is full or not writable.
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const write = async (file: FileHandle) => {
    await file.writeFile(content);
    await file.sync();
  };
  await withStorageErrors(placeDurably(path, write));
}

/** Like `placeFile`, but also survives a power cut if `write` has synced the file. */
export async function placeDurably(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  await placeFile(path, write);
  await syncDirectory(dirname(path));
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
