import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const MANIFEST = createRequire(import.meta.url).resolve("@anthropic-ai/claude-code/package.json");

/** The real CLI of the dev dependency, or the one named in CLAUDE_VIRTUAL_API_TEST_CLAUDE. */
export function claudePath(): string {
  const named = process.env.CLAUDE_VIRTUAL_API_TEST_CLAUDE;
  if (named) return named;
  return join(dirname(MANIFEST), "bin", "claude.exe");
}

/** The version of the CLI under test. */
export function claudeVersion(): string {
  const named = process.env.CLAUDE_VIRTUAL_API_TEST_CLAUDE;
  if (!named) return createRequire(import.meta.url)(MANIFEST).version;
  return execFileSync(named, ["--version"], { encoding: "utf8" }).split(" ", 1)[0] ?? "";
}
