import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The real CLI of the dev dependency (or the one named in CLAUDE_VIRTUAL_API_TEST_CLAUDE). */
export function claudePath(): string {
  const named = process.env.CLAUDE_VIRTUAL_API_TEST_CLAUDE;
  if (named) return named;
  const manifest = createRequire(import.meta.url).resolve("@anthropic-ai/claude-code/package.json");
  return join(dirname(manifest), "bin", "claude.exe");
}
