import type { Stats } from "node:fs";
import { chmod, lstat } from "node:fs/promises";
import { makeDirectories } from "./directories.ts";

/** Modes of all that is kept: for its owner alone, whatever the umask. On Windows the rights of the profile apply. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_DIRECTORY = 0o700;

/** True unless another user owns it; always true on Windows. */
export function isOwn({ uid }: Stats): boolean {
  return process.platform === "win32" || uid === process.getuid?.();
}

/** True if the owner alone has any right; always true on Windows. */
export function isPrivate({ mode }: Stats): boolean {
  return process.platform === "win32" || (mode & 0o077) === 0;
}

/**
 * Creates a directory that only this user may enter, with those above it. An existing one is closed to others, and a
 * symbolic link is left as it is. Throws when another user owns it.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  await makeDirectories(path, PRIVATE_DIRECTORY);
  const stats = await lstat(path);
  requireOwn(path, stats);
  // a disk without modes refuses, and the directory above this one is what keeps others out
  if (stats.isDirectory() && !isPrivate(stats)) await chmod(path, PRIVATE_DIRECTORY).catch(() => {});
}

/** Throws when another user owns the file or directory: that user could replace what is in it. */
export function requireOwn(path: string, stats: Stats): void {
  if (isOwn(stats)) return;
  throw new Error(
    `${path} belongs to another user (uid ${stats.uid}). Choose a data directory of your own, or make this user its owner.`,
  );
}
