import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CheckedPart, type Cli, locate } from "../../src/claude/locate/locate.ts";
import { mayRewrite } from "../../src/claude/transport/transportChoice.ts";
import { CHECKS } from "../../src/selfCheck/checks.ts";
import { COUNT_CHECKS } from "../../src/selfCheck/countChecks.ts";
import { runChecks } from "../../src/selfCheck/runChecks.ts";
import {
  brokenCli,
  type Loss,
  withMod,
  withoutArgument,
  withoutSetting,
  withoutVariable,
} from "../support/brokenCli.ts";
import { claudePath } from "../support/claude.ts";
import { FULL, itThorough, sampled } from "../support/full.ts";
import { health, type Scratch, scratchHome, simple, startApp } from "../support/harness.ts";
import { silentLogger } from "../support/silentLogger.ts";

let scratch: Scratch;
beforeAll(async () => {
  scratch = await scratchHome();
});
afterAll(() => scratch[Symbol.asyncDispose]());

/** Gives only the counter's mod a change to the body. */
const CHANGED_COUNTS = "s/parts.push(fields/parts.push(fields.toUpperCase()/";

const cliWithout = async (loss: Loss): Promise<Cli> => locate(await brokenCli(scratch.home, loss), process.env);

async function lostBy(cli: Cli, part: CheckedPart = "overlay"): Promise<string[]> {
  const results = await runChecks(cli, process.env, silentLogger, part);
  expect(results).toHaveLength((part === "counts" ? COUNT_CHECKS : CHECKS).length);
  return results.filter(({ reason }) => reason !== undefined).map(({ name }) => name);
}

describe("the self-check", () => {
  it.each(["rewrite", "overlay", "counts"] as const)("accepts this CLI: %s", async (part) => {
    const cli = await locate(claudePath(), process.env);
    if (part === "overlay" || mayRewrite(cli)) expect(await lostBy(cli, part)).toEqual([]);
  });

  it.runIf(FULL)("finds a changed body, and refusals of the counter without a message", async () => {
    const changed = await cliWithout(withMod(CHANGED_COUNTS));
    if (!mayRewrite(changed)) return;
    expect(await lostBy(changed, "counts")).toEqual(["tokens are counted exactly"]);
    const silent = await cliWithout(withoutArgument("--debug-to-stderr"));
    expect(await lostBy(silent, "counts")).toEqual(["refusals of the counter keep upstream's words"]);
  });

  it.runIf(FULL)("finds a script's interpreter in the user's home", async () => {
    const { home } = scratch;
    const put = async (path: string, text: string) => {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    };
    await put(".npm-global/bin/claude", `exec node "$@"`);
    await put(".local/bin/node", `exec "${claudePath()}" "$@"`);
    await mkdir(join(home, "bin"));
    const environment = { PATH: join(home, "bin"), HOME: home };
    const cli = await locate(undefined, environment);
    expect(cli.path).toBe(join(home, ".npm-global/bin/claude"));
    const results = await runChecks(cli, environment, silentLogger, "overlay");
    expect(results.filter(({ reason }) => reason !== undefined)).toEqual([]);
  });

  const losses: [string[], Loss][] = [
    [["large answers do not end the worker"], withoutVariable("CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE")],
    [["errors keep upstream's words"], withoutArgument("--debug-to-stderr")],
    [["nothing is added to requests"], withoutSetting("CLAUDE_CODE_DISABLE_THINKING")],
    [["nothing is added to requests"], withoutSetting("CLAUDE_CODE_EFFORT_LEVEL")],
    [["nothing is added to requests"], withoutSetting("DISABLE_PROMPT_CACHING")],
    [["requests reach upstream unchanged"], withoutSetting("CLAUDE_CODE_EXTRA_BODY")],
    [["the system prompt is carried"], { input: 's/"systemPrompt":\\["[^"]*"\\]/"systemPrompt":[]/' }],
    [["a request can be stopped"], { input: 's/"subtype":"interrupt"/"subtype":"ignored"/' }],
  ];
  itThorough.each(sampled(losses, 1))("finds what is missing: %j (%j)", async (names, loss) => {
    expect(await lostBy(await cliWithout(loss))).toEqual(expect.arrayContaining(names));
  });
});

describe("a server", () => {
  it("rejects an incompatible CLI by name", async () => {
    const { path } = await cliWithout(withoutSetting("DISABLE_PROMPT_CACHING"));
    await using app = await startApp({ claudePath: path, selfCheck: true, transport: "overlay" });
    const response = await app.post(simple());
    expect(response.status).toBe(500);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await response.json()).toMatchObject({
      error: {
        type: "api_error",
        message: expect.stringMatching(
          /^Claude Code [\d.]+ is not compatible with this server; failed checks: nothing is added to requests\./,
        ),
        details: { error_code: "cli_unfit" },
      },
    });
    expect(app.fakeApi.messages).toHaveLength(0);
  });

  it.runIf(FULL)("uses the overlay with a CLI that is compatible only with that", async () => {
    const { path } = await cliWithout(withMod("s/status: 499/status: value.status/"));
    await using app = await startApp({ claudePath: path, selfCheck: true });
    expect((await app.post(simple())).status).toBe(200);
    // added only by the overlay
    expect(app.fakeApi.messages.map(({ body }) => body.tools)).toEqual([[]]);
  });

  it.each(FULL ? [false, true] : [false])(
    "sends nothing through a CLI that does not load the mod (self-check %s)",
    async (selfCheck) => {
      const { path } = await cliWithout(withoutArgument("--plugin-dir", 2));
      await using app = await startApp({ claudePath: path, selfCheck });
      const response = await app.post(simple());
      expect(response.status).toBe(500);
      expect(response.headers.get("x-should-retry")).toBe("false");
      expect(await response.json()).toMatchObject({
        error: {
          type: "api_error",
          message: expect.stringContaining("did not load the mod that limits each request to one paid call"),
          details: { error_code: "cli_unguarded" },
        },
      });
      expect(await app.server.checkCli()).toMatchObject({ code: "cli_unguarded" });
      expect(app.fakeApi.messages).toHaveLength(0);
    },
  );

  itThorough("rewrites requests even if tokens cannot be counted exactly, and logs the reason", async () => {
    const cli = await cliWithout(withMod(CHANGED_COUNTS));
    if (!mayRewrite(cli)) return;
    await using app = await startApp({ claudePath: cli.path, selfCheck: true });
    const body = JSON.stringify({ model: "sonnet", system: "Be brief.", messages: simple().messages });
    const counted = await app.call("/v1/messages/count_tokens", { method: "POST", body });
    expect([counted.status, counted.headers.get("claude-virtual-api-token-count")]).toEqual([200, "sum"]);
    expect((await app.post(simple())).status).toBe(200);
    expect(app.fakeApi.messages.map(({ body }) => body.tools)).toEqual([undefined]);
    const reason = expect.stringContaining("tokens are counted exactly");
    expect((await health(app)).transport).toEqual({ name: "rewrite", reason: null, counts: { exact: false, reason } });
    expect(app.log.filter((line) => line.includes("tokens are not counted exactly, since"))).toHaveLength(1);
  });

  itThorough("checks a version once", async () => {
    const dataDir = join(scratch.home, "data");
    const checked = ({ log }: { log: string[] }) => log.filter((line) => line.includes("passed the self-check"));
    const { version } = await locate(claudePath(), process.env);
    for (const times of [1, 0]) {
      await using app = await startApp({ dataDir, selfCheck: true });
      expect((await app.post(simple())).status).toBe(200);
      expect(checked(app)).toHaveLength(times);
      expect(app.fakeApi.messages).toHaveLength(1);
    }
    expect(JSON.parse(await readFile(join(dataDir, "self-check.json"), "utf8"))).toHaveProperty([version]);
  });
});
