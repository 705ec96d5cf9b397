import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DescribedError, describe } from "../api/messageDescriptors.ts";
import { isMissing } from "../api/systemErrors.ts";
import { makeDirectories } from "../shared/directories.ts";
import type { Logger } from "../shared/logger.ts";
import { isOwn, isPrivate, PRIVATE_DIRECTORY_MODE, PRIVATE_FILE_MODE, requireOwn } from "../shared/privateFiles.ts";
import { SECRET_FILE } from "../shared/proof.ts";
import { MOD_NAMES } from "./leftovers.ts";

/**
 * Top-level entries of a data directory that this server, the launcher and the extension create, besides the secret.
 */
const OWN_NAMES = [
  "api-key",
  "batches",
  "drafts",
  "empty",
  "files",
  "lock",
  "models.json",
  "results",
  "self-check.json",
  "stopped",
  "usage",
  "version.json",
  ...MOD_NAMES,
];
// the secret's mode is not changed with the others: one that other users could read is replaced (see `secret.ts`)
const OWN_NAME_PATTERN = new RegExp(`^(${[...OWN_NAMES, SECRET_FILE].join("|")}|lock\\..+|\\..+|lost\\+found)$`);

/** Levels of directories below a top-level entry. */
const MAX_DEPTH = 2;

/**
 * Creates the data directory, or removes other users' access. Keeps the mode of one with unrelated files, which may be
 * shared on purpose like `/tmp`. Throws if another user owns it or may write to it.
 */
export async function restrictDirectory(path: string, logger: Logger): Promise<void> {
  await makeDirectories(path, PRIVATE_DIRECTORY_MODE);
  let stats = await stat(path);
  requireOwn(path, stats);
  if (isPrivate(stats)) return;
  if ((await readdir(path)).every((name) => OWN_NAME_PATTERN.test(name))) {
    await setMode(path, PRIVATE_DIRECTORY_MODE);
    stats = await stat(path);
  } else if ((stats.mode & 0o022) !== 0) {
    throw new DescribedError(
      `Other users can write to ${path}, which also holds unrelated files. Choose another data directory.`,
      describe("data_directory_not_private", { path }),
    );
  }
  if (!isPrivate(stats)) logger.warn(`storage: other users can read ${path}. Choose another data directory.`);
}

/**
 * Removes other users' access to what an older version stored. Restricts each directory after its content, so that an
 * interrupted run is resumed. Skips private directories, and logs what it cannot read.
 */
export async function restrictContents(path: string, logger: Logger): Promise<void> {
  for (const name of OWN_NAMES) {
    await restrict(join(path, name), MAX_DEPTH, (error) => {
      if (!isMissing(error)) logger.warn(`storage: other users may have access below ${path}: ${error.message}`);
    });
  }
}

async function restrict(path: string, depth: number, onFailure: (error: Error) => void): Promise<void> {
  const stats = await lstat(path).catch(onFailure);
  if (!stats || isPrivate(stats) || !mayChangeMode(stats)) return;
  if (stats.isDirectory() && depth > 0) {
    for (const name of (await readdir(path).catch(onFailure)) ?? [])
      await restrict(join(path, name), depth - 1, onFailure);
  }
  await setMode(path, stats.isDirectory() ? PRIVATE_DIRECTORY_MODE : PRIVATE_FILE_MODE);
}

/** Excludes hard-linked files: another user may rely on the other name. */
function mayChangeMode(stats: Stats): boolean {
  return isOwn(stats) && (stats.isDirectory() || (stats.isFile() && stats.nlink === 1));
}

/** Opens the path first, because `chmod` would follow a link created in the meantime. Ignores failures. */
async function setMode(path: string, mode: number): Promise<void> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    await using file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    await file.chmod(mode);
  } catch {
    // a file system without modes, or a file that was removed
  }
}
