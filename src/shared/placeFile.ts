import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PRIVATE_FILE_MODE } from "./privateFiles.ts";

const MAX_ATTEMPTS = 3;

/**
 * Writes a private file beside `path` and then moves it there, so that readers see all of it or none. `move` renames,
 * which replaces an older file, or links, which does not.
 */
export async function placeFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  move = rename,
  attempts = MAX_ATTEMPTS,
): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    await using file = await open(draft, "wx", PRIVATE_FILE_MODE);
    await write(file);
    await file.close();
    await move(draft, path);
  } catch (error) {
    // a server that becomes the owner of the data directory removes all drafts, including this one
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempts === 1) throw error;
    await placeFile(path, write, move, attempts - 1);
  } finally {
    // the next start removes a draft that is left
    await rm(draft, { force: true }).catch(() => {});
  }
}
