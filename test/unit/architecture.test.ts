import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { importRules } from "../../scripts/importRules.ts";

const root = join(import.meta.dirname, "../..");
const scratch = mkdtempSync(join(tmpdir(), "claude-virtual-api-lint-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Folder of the importing file, what it imports, and whether the linter allows it. */
const CASES: [folder: string, specifier: string, allowed: boolean][] = [
  ["src/api", "../claude/pool/pool.ts", false],
  ["src/api", "../shared/logger.ts", false],
  ["src/api", "./ids.ts", true],
  ["src/shared", "../api/errors.ts", false],
  ["src/validation", "../api/errors.ts", true],
  ["src/validation", "../shared/logger.ts", false],
  ["src/claude", "../messages/run.ts", false],
  ["src/claude", "../tokens/tokenCounter.ts", false],
  ["src/claude", "koa", false],
  ["src/claude", "../api/errors.ts", true],
  ["src/claude", "node:child_process", true],
  ["src/claude", "./transport/transport.ts", true],
  ["src/claude", "./pool/pool.ts", false],
  ["src/claude/protocol", "../process/cliProcess.ts", false],
  ["src/claude/locate", "../signIn/account.ts", false],
  ["src/claude/process", "../protocol/codec.ts", true],
  ["src/claude/process", "../signIn/helperKey.ts", false],
  ["src/claude/process", "../launcher.ts", false],
  ["src/claude/signIn", "../process/network.ts", true],
  ["src/claude/signIn", "../pool/startWorker.ts", false],
  ["src/claude/transport", "../process/network.ts", true],
  ["src/claude/transport", "../turn.ts", false],
  ["src/claude/transport/rewrite", "../transport.ts", true],
  ["src/claude/transport/rewrite", "../overlay/overlayOutcome.ts", true],
  ["src/claude/transport/rewrite", "../../process/network.ts", true],
  ["src/claude/transport/rewrite", "../../turn.ts", false],
  ["src/claude/transport/rewrite", "../../../api/errors.ts", true],
  ["src/claude/transport/rewrite", "../../../messages/run.ts", false],
  ["src/claude/transport/rewrite", "node:child_process", true],
  ["src/claude/pool", "../worker.ts", true],
  ["src/claude/pool", "../transport/rewrite/rewriteMod.ts", true],
  ["src/claude/pool", "../../messages/run.ts", false],
  ["src/tokens", "../claude/pool/pool.ts", true],
  ["src/tokens", "../messages/requestReader.ts", false],
  ["src/messages", "../http/app.ts", false],
  ["src/messages", "../claude/pool/pool.ts", true],
  ["src/messages", "../tokens/countReader.ts", true],
  ["src/messages", "../batches/execute.ts", false],
  ["src/messages", "../files/store.ts", false],
  ["src/models", "node:child_process", false],
  ["src/models", "../messages/run.ts", false],
  ["src/storage", "../claude/pool/pool.ts", false],
  ["src/storage", "../files/store.ts", false],
  ["src/storage", "../api/errors.ts", true],
  ["src/claude", "../storage/lock.ts", false],
  ["src/files", "../storage/stagingDir.ts", true],
  ["src/files", "../selfCheck/doctor.ts", false],
  ["src/files", "../claude/pool/pool.ts", false],
  ["src/batches", "../messages/run.ts", true],
  ["src/batches", "../files/store.ts", false],
  ["src/batches", "../http/app.ts", false],
  ["src/usage", "../http/app.ts", false],
  ["src/usage", "../storage/durable.ts", true],
  ["src/usage", "../batches/store.ts", false],
  ["src/selfCheck", "../claude/launcher.ts", true],
  ["src/selfCheck", "../messages/run.ts", false],
  ["src/selfCheck", "../http/app.ts", false],
  ["src/claude", "../selfCheck/compatibilityGate.ts", false],
  ["src/extension", "../storage/lock.ts", false],
  ["src/http", "../extension/main.ts", false],
  ["src/http", "../selfCheck/doctor.ts", false],
  ["src/http", "./routes/messages.ts", true],
  ["src/http", "koa", true],
  ["src/http/routes", "../../server.ts", false],
  ["src/http/routes", "../body.ts", true],
  ["src/http/routes", "vscode", false],
  ["src/http/routes", "@koa/router", true],
  ["src/http/routes", "../../messages/run.ts", true],
  ["src/extension", "../claude/pool/pool.ts", false],
  ["src/extension", "koa", false],
  ["src/extension", "vscode", true],
  ["src/extension", "../client.ts", true],
  ["src/extension/views", "../../claude/pool/pool.ts", false],
  ["src/extension/views", "../texts.ts", true],
  ["src/files", "../newRoom/file.ts", false],
];

/** Lints one file for each case, at its place under a copy of the project's configuration. */
function refusedImports(): Set<number> {
  const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
  config.vcs = { enabled: false };
  config.$schema = undefined;
  writeFileSync(join(scratch, "biome.json"), JSON.stringify(config));
  for (const [index, [folder, specifier]] of CASES.entries()) {
    const file = join(scratch, folder, `case${index}.ts`);
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

  it("are in biome.json as `npm run rules` writes them", () => {
    const { overrides } = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
    expect(overrides).toEqual(expect.arrayContaining(importRules()));
    const written = JSON.stringify(overrides).match(/noRestrictedImports/g);
    expect(written).toHaveLength(importRules().length);
  });

  it.each(CASES.map((row, index) => [...row, index] as const))(
    "%s imports %s: %s",
    (_folder, _specifier, allowed, index) => {
      expect(refused.has(index)).toBe(!allowed);
    },
  );
});
