import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

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

/** Returns a relative clause to follow the directory's name; undefined for other errors. */
export function whyUnusable(error: unknown): string | undefined {
  return REASON_BY_CODE[(error as NodeJS.ErrnoException).code ?? ""];
}

/** Node's recursive `mkdir` never returns on file systems that reject a directory with ENOENT, such as `/proc`. */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (await isDirectory(path)) return;
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    // another process may create the same directories at the same time
    if (!(await isDirectory(parent))) await makeDirectories(parent, mode);
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
