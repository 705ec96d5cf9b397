import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cli, locate } from "../../src/claude/locate.ts";
import { CHECKS } from "../../src/selfCheck/checks.ts";
import { selfCheck } from "../../src/selfCheck/selfCheck.ts";
import { claudePath } from "../support/claude.ts";
import { type Scratch, scratchHome, simple, stage } from "../support/harness.ts";
import { silentLogger } from "../unit/support/silentLogger.ts";

let scratch: Scratch;
beforeAll(async () => {
  scratch = await scratchHome();
});
afterAll(() => scratch[Symbol.asyncDispose]());

let made = 0;

/** The real CLI without one of the things that make it fit: arguments and input pass through a shell first. */
async function cliWithout(loss: { prepare?: string; input?: string }): Promise<Cli> {
  const path = join(scratch.home, `claude-${++made}`);
  const run = loss.input ? `sed -u '${loss.input}' | "${claudePath()}" "$@"` : `exec "${claudePath()}" "$@"`;
  const version = `[ "$1" = --version ] && exec "${claudePath()}" --version`;
  await writeFile(path, `#!/bin/sh\n${version}\n${loss.prepare ?? ""}\n${run}\n`, { mode: 0o755 });
  return locate(path, process.env);
}

const without = (argument: string, count = 1) =>
  `n=$#; while [ $n -gt 0 ]; do a=$1; shift; n=$((n-1)); if [ "$a" = "${argument}" ]; then ${"shift; n=$((n-1)); ".repeat(count - 1)}continue; fi; set -- "$@" "$a"; done`;

async function lostBy(cli: Cli): Promise<string[]> {
  const findings = await selfCheck(cli, process.env, silentLogger);
  expect(findings).toHaveLength(CHECKS.length);
  return findings.filter(({ reason }) => reason !== undefined).map(({ name }) => name);
}

describe("the self-check", () => {
  it("is passed by this CLI", async () => {
    expect(await lostBy(await locate(claudePath(), process.env))).toEqual([]);
  });

  it.each([
    ["one call after max_tokens", { prepare: without("--plugin-dir", 2) }],
    ["one call after a refusal", { prepare: without("--plugin-dir", 2) }],
    ["one call where upstream has no such model", { prepare: without("--plugin-dir", 2) }],
    ["large answers do not end the worker", { prepare: "unset CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE" }],
    ["errors keep upstream's words", { prepare: without("--debug-to-stderr") }],
    ["nothing is added to requests", { input: "s/CLAUDE_CODE_DISABLE_THINKING/IGNORED/" }],
    ["nothing is added to requests", { input: "s/CLAUDE_CODE_EFFORT_LEVEL/IGNORED/" }],
    ["nothing is added to requests", { input: "s/DISABLE_PROMPT_CACHING/IGNORED/" }],
    ["requests reach upstream unchanged", { input: "s/CLAUDE_CODE_EXTRA_BODY/IGNORED/" }],
    ["the system prompt is carried", { input: 's/"systemPrompt":\\["[^"]*"\\]/"systemPrompt":[]/' }],
    ["a request can be stopped", { input: 's/"subtype":"interrupt"/"subtype":"ignored"/' }],
  ])("finds that this is lost: %s (%j)", async (name, loss) => {
    expect(await lostBy(await cliWithout(loss))).toContain(name);
  });
});

describe("a server", () => {
  it("refuses a CLI that is not fit, by name", async () => {
    const { path } = await cliWithout({ prepare: without("--plugin-dir", 2) });
    await using on = await stage({ claudePath: path, selfCheck: true });
    const response = await on.post(simple());
    expect(response.status).toBe(500);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await response.json()).toMatchObject({
      error: {
        type: "api_error",
        message: expect.stringMatching(
          /^Claude Code [\d.]+ has lost what .*: one call after max_tokens; one call after a refusal; one call where upstream has no such model\./,
        ),
        details: { error_code: "cli_unfit" },
      },
    });
    expect(on.standIn.messages).toHaveLength(0);
  });

  it("checks a version once, and remembers it", async () => {
    const dataDir = join(scratch.home, "data");
    const checked = ({ log }: { log: string[] }) => log.filter((line) => line.includes("passed the self-check"));
    const { version } = await locate(claudePath(), process.env);
    for (const times of [1, 0]) {
      await using on = await stage({ dataDir, selfCheck: true });
      expect((await on.post(simple())).status).toBe(200);
      expect(checked(on)).toHaveLength(times);
      expect(on.standIn.messages).toHaveLength(1);
    }
    expect(JSON.parse(await readFile(join(dataDir, "self-check.json"), "utf8"))).toHaveProperty([version]);
  });
});
