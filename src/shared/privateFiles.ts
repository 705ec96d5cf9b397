import type { Stats } from "node:fs";
import { chmod, lstat } from "node:fs/promises";
import { makeDirectories } from "./directories.ts";

/** Modes of everything stored: owner only, independent of the umask. On Windows the profile's permissions apply. */
export const PRIVATE_FILE_MODE = 0o600;
export const PRIVATE_DIRECTORY_MODE = 0o700;

/** True unless another user owns it; always true on Windows. */
export function isOwn({ uid }: Stats): boolean {
  return process.platform === "win32" || uid === process.getuid?.();
}

/** True if only the owner has access; always true on Windows. */
export function isPrivate({ mode }: Stats): boolean {
  return process.platform === "win32" || (mode & 0o077) === 0;
}

/**
 * Creates a directory, or removes other users' access to it unless it is a symbolic link. Throws if it is another
 * user's.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  await makeDirectories(path, PRIVATE_DIRECTORY_MODE);
  const stats = await lstat(path);
  requireOwn(path, stats);
  // fails on file systems without modes; there, the parent directory keeps other users out
  if (stats.isDirectory() && !isPrivate(stats)) await chmod(path, PRIVATE_DIRECTORY_MODE).catch(() => {});
}

/** Throws if another user owns the path, because that user could replace its content. */
export function requireOwn(path: string, stats: Stats): void {
  if (isOwn(stats)) return;
  const { uid } = stats;
  const message = `${path} belongs to another user (uid ${uid}). Choose another data directory, or make this user its owner.`;
  throw Object.assign(new Error(message), { descriptor: { id: "path_of_other_user", values: { path, uid } } });
}
