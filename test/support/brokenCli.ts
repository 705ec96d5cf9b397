import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { claudePath } from "./claude.ts";

/** What to remove from the CLI: shell commands before its start, or a sed script for its input. */
export interface Loss {
  prepare?: string;
  input?: string;
}

let made = 0;

/** Writes a script into this directory that runs the real CLI without one of its properties; returns its path. */
export async function brokenCli(directory: string, loss: Loss): Promise<string> {
  const path = join(directory, `claude-${++made}`);
  const run = loss.input ? `sed -u '${loss.input}' | "${claudePath()}" "$@"` : `exec "${claudePath()}" "$@"`;
  const version = `[ "$1" = --version ] && exec "${claudePath()}" --version`;
  await writeFile(path, `#!/bin/sh\n${version}\n${loss.prepare ?? ""}\n${run}\n`, { mode: 0o755 });
  return path;
}

/** Removes an argument and its values. */
export const withoutArgument = (argument: string, count = 1): Loss => ({
  prepare: `n=$#; while [ $n -gt 0 ]; do a=$1; shift; n=$((n-1)); if [ "$a" = "${argument}" ]; then ${"shift; n=$((n-1)); ".repeat(count - 1)}continue; fi; set -- "$@" "$a"; done`,
});

/** Removes an environment variable. */
export const withoutVariable = (name: string): Loss => ({ prepare: `unset ${name}` });

/** Removes a variable from the settings of each request. */
export const withoutSetting = (name: string): Loss => ({ input: `s/"${name}":/"IGNORED_${name}":/` });

/** Changes our mods: runs each plugin's code through this sed script before the CLI reads it. */
export const withMod = (script: string): Loss => ({
  prepare: `p=; for a; do [ "$p" = --plugin-dir ] && sed -i '${script}' "$a/hooks/register.js"; p=$a; done`,
});
