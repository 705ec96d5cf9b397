import { lstat, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { placeFile } from "../../shared/placeFile.ts";
import { isOwn, isPrivate, makePrivateDirectory, requireOwn } from "../../shared/privateFiles.ts";

/** Matches model calls in the source of mods, for Anthropic's API and Foundry, Vertex and Bedrock. */
export const MODEL_CALL = String.raw`/(\/v1\/messages|(?<!\/count-tokens):(streamR|r)awPredict|\/invoke(-with-response-stream)?)(\?|$)/`;
export const COUNT_CALL = String.raw`/\/count[-_]tokens/`;

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
      "hooks/hooks.json": JSON.stringify({ modules: ["./register.js"] }),
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
    // in one step, since another server may read the file at the same time
    if (!(await isThere(path, content))) await placeFile(path, (file) => file.writeFile(content));
  }
  return root;
}

/** False if it cannot be read: it is then replaced, which fails for a reason that the caller sees. */
async function isThere(path: string, content: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats?.isFile() || !isOwn(stats) || !isPrivate(stats)) return false;
  return (await readFile(path, "utf8").catch(() => undefined)) === content;
}
