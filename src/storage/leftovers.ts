import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** How the name of a file ends that is not in its place yet. */
const DRAFT_NAME = /\.[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Where small files are replaced by rename, below the data directory; also each batch has a directory of its own. */
const MOD_DIRECTORIES = ["one-call", "one-step"].flatMap((mod) => [`${mod}/hooks`, `${mod}/.claude-plugin`]);
const DRAFT_DIRECTORIES = [".", "usage", ...MOD_DIRECTORIES];

/** Removes the drafts that a process has left which was killed. One that is under way elsewhere is written again there. */
export async function removeLeftoverDrafts(path: string): Promise<void> {
  const batches = await namesOrNone(join(path, "batches"));
  for (const place of [...DRAFT_DIRECTORIES, ...batches.map((id) => join("batches", id))]) {
    for (const name of await namesOrNone(join(path, place))) {
      if (DRAFT_NAME.test(name)) await rm(join(path, place, name), { force: true }).catch(() => {});
    }
  }
}

/** A place that cannot be read is left for the next start. */
const namesOrNone = (path: string): Promise<string[]> => readdir(path).catch(() => []);
