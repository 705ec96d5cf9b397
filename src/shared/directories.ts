import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Words for what keeps a directory from being used, by the code of the system. */
const REASON_BY_CODE: Record<string, string> = {
  ENOENT: "which does not exist and cannot be created",
  ENOTDIR: "which is not a directory",
  EEXIST: "which is not a directory",
  EACCES: "which this user may not write to",
  EPERM: "which this user may not write to",
  EROFS: "which is on a read-only disk",
  ENOSPC: "which is on a full disk",
  EDQUOT: "for which the disk quota is used up",
};

/** Why a directory cannot be used, to follow its name; undefined where the code says nothing about a directory. */
export function whyUnusable(error: unknown): string | undefined {
  return REASON_BY_CODE[(error as NodeJS.ErrnoException).code ?? ""];
}

/**
 * Creates a directory with those above it. Node's recursive `mkdir` never returns where a file system refuses a new
 * directory with ENOENT, as `/proc` does.
 */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (await isDirectory(path)) return;
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    // one that is there now may have been created by another in this moment
    if (!(await isDirectory(above))) await makeDirectories(above, mode);
    await mkdir(path, { mode }).catch(async (again: Error) => {
      if (!(await isDirectory(path))) throw again;
    });
  }
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
