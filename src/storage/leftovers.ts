import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** Matches the name of a draft: a file that was never renamed into place. */
const DRAFT_NAME = /\.[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Names of the mods, each in its own directory. */
export const MOD_NAMES = ["count", "one-call", "one-step", "rewrite"];

/** Directories, besides each batch's own, in which small files are replaced by rename. */
const DRAFT_DIRECTORIES = [".", "usage", ...MOD_NAMES.flatMap((mod) => [`${mod}/hooks`, `${mod}/.claude-plugin`])];

/** Removes drafts that a killed process left behind. Another process that is still writing one writes it again. */
export async function removeLeftoverDrafts(path: string): Promise<void> {
  const batches = await listOrEmpty(join(path, "batches"));
  for (const place of [...DRAFT_DIRECTORIES, ...batches.map((id) => join("batches", id))]) {
    for (const name of await listOrEmpty(join(path, place))) {
      if (DRAFT_NAME.test(name)) await rm(join(path, place, name), { force: true }).catch(() => {});
    }
  }
}

/** Skips a directory that cannot be read; the next start tries again. */
const listOrEmpty = (path: string): Promise<string[]> => readdir(path).catch(() => []);
