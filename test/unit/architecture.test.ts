import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const scratch = mkdtempSync(join(tmpdir(), "claude-virtual-api-lint-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Room of the importing file, what it imports, and whether the linter lets it. */
const CASES: [room: string, specifier: string, allowed: boolean][] = [
  ["src/api", "../claude/pool.ts", false],
  ["src/api", "../shared/logger.ts", false],
  ["src/api", "./ids.ts", true],
  ["src/shared", "../api/errors.ts", false],
  ["src/claude", "../messages/run.ts", false],
  ["src/claude", "koa", false],
  ["src/claude", "../api/errors.ts", true],
  ["src/claude", "node:child_process", true],
  ["src/messages", "../http/app.ts", false],
  ["src/messages", "../claude/pool.ts", true],
  ["src/models", "node:child_process", false],
  ["src/storage", "../claude/pool.ts", false],
  ["src/storage", "../files/store.ts", false],
  ["src/storage", "../api/errors.ts", true],
  ["src/claude", "../storage/lock.ts", false],
  ["src/files", "../storage/stagingDir.ts", true],
  ["src/batches", "../messages/run.ts", true],
  ["src/batches", "../http/app.ts", false],
  ["src/usage", "../http/app.ts", false],
  ["src/usage", "../storage/durable.ts", true],
  ["src/selfCheck", "../claude/launcher.ts", true],
  ["src/selfCheck", "../http/app.ts", false],
  ["src/claude", "../selfCheck/compatibilityGate.ts", false],
  ["src/extension", "../storage/lock.ts", false],
  ["src/http", "../extension/main.ts", false],
  ["src/http", "koa", true],
  ["src/http/routes", "../../server.ts", false],
  ["src/http/routes", "vscode", false],
  ["src/http/routes", "../../messages/run.ts", true],
  ["src/extension", "../claude/pool.ts", false],
  ["src/extension", "koa", false],
  ["src/extension", "vscode", true],
  ["src/extension", "../client.ts", true],
];

/** Lints one file for each case, at its place under a copy of the project's configuration. */
function refusedImports(): Set<number> {
  const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
  config.vcs = { enabled: false };
  config.$schema = undefined;
  writeFileSync(join(scratch, "biome.json"), JSON.stringify(config));
  for (const [index, [room, specifier]] of CASES.entries()) {
    const file = join(scratch, room, `case${index}.ts`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `import { thing } from "${specifier}";\n\nthing();\n`);
  }
  const { stdout } = spawnSync(
    join(root, "node_modules/.bin/biome"),
    ["lint", "--only=style/noRestrictedImports", "--reporter=json", "--max-diagnostics=none"],
    { cwd: scratch, encoding: "utf8" },
  );
  return new Set([...stdout.matchAll(/case(\d+)\.ts/g)].map((match) => Number(match[1])));
}

describe("import directions", () => {
  const refused = refusedImports();

  it.each(CASES.map((row, index) => [...row, index] as const))(
    "%s imports %s: %s",
    (_room, _specifier, allowed, index) => {
      expect(refused.has(index)).toBe(!allowed);
    },
  );
});
