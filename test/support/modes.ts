import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The modes of a directory and everything in it, without duplicates. */
export function modesIn(path: string): { directories: number[]; files: number[] } {
  const found = { directories: new Set<number>(), files: new Set<number>() };
  for (const name of [".", ...(readdirSync(path, { recursive: true }) as string[])]) {
    const stats = lstatSync(join(path, name));
    found[stats.isDirectory() ? "directories" : "files"].add(stats.mode & 0o777);
  }
  return { directories: [...found.directories].sort(), files: [...found.files].sort() };
}
