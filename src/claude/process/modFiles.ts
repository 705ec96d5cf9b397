import { randomUUID } from "node:crypto";
import { lstat, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isOwn, isPrivate, makePrivateDirectory, PRIVATE_FILE_MODE, requireOwn } from "../../shared/privateFiles.ts";

const WRITE_ATTEMPTS = 3;

/** A mod for the CLI (docs: "mods"); `files` maps paths to contents. */
export interface Mod {
  name: string;
  files: Readonly<Record<string, string>>;
}

export function modOf(name: string, description: string, register: string): Mod {
  return {
    name,
    files: {
      ".claude-plugin/plugin.json": JSON.stringify({ name, version: "1.0.0", description }),
      "hooks/hooks.json": JSON.stringify({ modules: ["../register.js"] }),
      "hooks/register.js": register,
    },
  };
}

/**
 * Writes the mod unless it is there. Resolves with an absolute path, since the CLI resolves others in its working
 * directory. The CLI runs the mod, so no other user may write it; throws if another user owns the directory.
 */
export async function installMod(directory: string, { name, files }: Mod): Promise<string> {
  const root = resolve(directory, name);
  await makePrivateDirectory(root);
  requireOwn(directory, await stat(directory));
  for (const [file, content] of Object.entries(files)) {
    const path = join(root, file);
    await makePrivateDirectory(dirname(path));
    if (!(await isThere(path, content))) await put(path, content);
  }
  return root;
}

async function isThere(path: string, content: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats?.isFile() || !isOwn(stats) || !isPrivate(stats)) return false;
  return (await readFile(path, "utf8").catch(() => undefined)) === content;
}

/** Writes and renames, since another server may read the file at the same time. */
async function put(path: string, content: string, attempts = WRITE_ATTEMPTS): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, content, { mode: PRIVATE_FILE_MODE });
  try {
    await rename(draft, path);
  } catch (error) {
    // a server that takes over the directory removes all drafts, including this one
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempts === 1) throw error;
    await put(path, content, attempts - 1);
  }
}
