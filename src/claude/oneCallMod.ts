import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * A mod for the CLI (documented under "mods", since 2.1.287): the first request to the model of a turn is `index` 0 and
 * stays untouched; a second one, with which the CLI would continue after `max_tokens`, a refusal or an empty answer,
 * is answered on the spot. The matcher keeps the hook out of the way of every ordinary request.
 */
const FILES: Record<string, string> = {
  ".claude-plugin/plugin.json": JSON.stringify({
    name: "one-call",
    version: "1.0.0",
    description: "One request to the model for each turn",
  }),
  "hooks/hooks.json": JSON.stringify({ modules: ["./register.js"] }),
  "hooks/register.js": `export const register = (on) => {
  on("turn.step", { index: 1 }, async function* (_$, { turnId, index }) {
    return { turnId, index, answer: "", toolUses: [], stopReason: "end_turn", usage: null };
  });
};
`,
};

/** Puts the mod into `directory`, where it is not yet, and resolves with its path for `--plugin-dir`. */
export async function installOneCallMod(directory: string): Promise<string> {
  const root = join(directory, "one-call");
  for (const [name, content] of Object.entries(FILES)) {
    const path = join(root, name);
    if ((await readFile(path, "utf8").catch(() => undefined)) === content) continue;
    await mkdir(dirname(path), { recursive: true });
    // another server may share the directory, so a file appears whole or not at all
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, content);
    await rename(draft, path);
  }
  return root;
}
