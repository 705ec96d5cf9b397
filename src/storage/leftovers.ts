import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** How the name of a file ends that is not in its place yet. */
const DRAFT = /\.[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Where small files are replaced by rename, below the data directory; also each batch has a directory of its own. */
const MODS = ["one-call", "one-step"].flatMap((mod) => [`${mod}/hooks`, `${mod}/.claude-plugin`]);
const PLACES = [".", "usage", ...MODS];

/** Removes the drafts that a process has left which was killed. One that is under way elsewhere is written again there. */
export async function clearLeftovers(path: string): Promise<void> {
  const batches = await namesOrNone(join(path, "batches"));
  for (const place of [...PLACES, ...batches.map((id) => join("batches", id))]) {
    for (const name of await namesOrNone(join(path, place))) {
      if (DRAFT.test(name)) await rm(join(path, place, name), { force: true }).catch(() => {});
    }
  }
}

/** A place that cannot be read is left for the next start. */
const namesOrNone = (path: string): Promise<string[]> => readdir(path).catch(() => []);
