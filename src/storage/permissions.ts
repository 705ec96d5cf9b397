import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../shared/directories.ts";
import type { Logger } from "../shared/logger.ts";
import { isOwn, isPrivate, PRIVATE_DIRECTORY, PRIVATE_FILE, requireOwn } from "../shared/privateFiles.ts";
import { SECRET_FILE } from "../shared/proof.ts";

/** What this server, the launcher and the extension keep at the top of a data directory, besides the secret. */
const OWN_NAMES = [
  "batches",
  "drafts",
  "empty",
  "files",
  "lock",
  "models.json",
  "one-call",
  "one-step",
  "results",
  "self-check.json",
  "stopped",
  "usage",
  "version.json",
];
// not closed with the others: a secret that other users could read is replaced (see `secret.ts`)
const OWN_NAME = new RegExp(`^(${[...OWN_NAMES, SECRET_FILE].join("|")}|lock\\..+|\\..+|lost\\+found)$`);

/** Directories below one of those. */
const MAX_DEPTH = 2;

/**
 * Creates the data directory, or closes it to other users. One that holds other things, too, may be shared on purpose, as
 * `/tmp` is: its mode stays. Throws when it belongs to another user, or when others may replace what is in it.
 */
export async function restrictDirectory(path: string, logger: Logger): Promise<void> {
  await makeDirectories(path, PRIVATE_DIRECTORY);
  let stats = await stat(path);
  requireOwn(path, stats);
  if (isPrivate(stats)) return;
  if ((await readdir(path)).every((name) => OWN_NAME.test(name))) {
    await setMode(path, PRIVATE_DIRECTORY);
    stats = await stat(path);
  } else if ((stats.mode & 0o022) !== 0) {
    throw new Error(`Other users may write to ${path}, which holds other things, too. Choose another data directory.`);
  }
  if (!isPrivate(stats)) logger.warn(`storage: other users may look into ${path}. Choose another data directory.`);
}

/**
 * Closes what an older version left open to other users. Each directory is closed after what is in it, so that an
 * interrupted run is taken up again, and one that is closed already is passed over: others cannot enter it.
 */
export async function restrictContents(path: string): Promise<void> {
  for (const name of OWN_NAMES) await restrict(join(path, name), MAX_DEPTH);
}

async function restrict(path: string, depth: number): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats || isPrivate(stats) || !mayChangeMode(stats)) return;
  if (stats.isDirectory() && depth > 0) {
    for (const name of await readdir(path).catch(() => [])) await restrict(join(path, name), depth - 1);
  }
  await setMode(path, stats.isDirectory() ? PRIVATE_DIRECTORY : PRIVATE_FILE);
}

/** A file with a second name may be somebody else's under that one. */
function mayChangeMode(stats: Stats): boolean {
  return isOwn(stats) && (stats.isDirectory() || (stats.isFile() && stats.nlink === 1));
}

/** Through an open file, since `chmod` follows a link that was put there in the meantime; what cannot be changed stays. */
async function setMode(path: string, mode: number): Promise<void> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    await using file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    await file.chmod(mode);
  } catch {
    // a disk without modes, or a file that has gone
  }
}
