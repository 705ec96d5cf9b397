import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { installMod } from "../../src/claude/process/modFiles.ts";
import type { CliMessage } from "../../src/claude/protocol/codec.ts";
import { MOD_REPORTS, modReport } from "../../src/claude/protocol/modReports.ts";
import { ONE_CALL_MOD } from "../../src/claude/transport/overlay/oneCallMod.ts";
import { FULL, QUICK, sampled } from "../support/full.ts";
import { scratchHome } from "../support/harness.ts";
import { body, RawCli, type RawOptions } from "../support/rawCli.ts";
import { eventsFor, failure, pacedReply, type Reply, reply, text, thinking } from "../support/replies.ts";

const rounds = FULL ? 100 : QUICK ? 3 : 10;
const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };

const isEvent = ({ type }: CliMessage) => type === "stream_event";
const UNKNOWN_EVENT = `export const register = (on) => on("http.unheard-of", ($, e, next) => next(e));`;
const MORE_DAMAGE: [string, (mod: string) => Promise<unknown>, boolean][] = [
  ["has no code", (mod) => rm(join(mod, "hooks", "register.js")), true],
  ["registers for an unknown event", (mod) => writeFile(join(mod, "hooks", "register.js"), UNKNOWN_EVENT), true],
];
/** A Team sign-in, with tokens of no account. */
const TEAM_SIGN_IN = JSON.stringify({
  claudeAiOauth: {
    accessToken: "sk-ant-oat01-dummy",
    refreshToken: "sk-ant-ort01-dummy",
    expiresAt: 4_000_000_000_000,
    scopes: ["user:inference", "user:profile"],
    subscriptionType: "team",
  },
});

/** Answers after which the CLI would call upstream again. */
const TEMPTING: [string, () => Reply][] = [
  ["max_tokens", () => reply([text("one two")], { stop_reason: "max_tokens" })],
  [
    "refusal",
    () =>
      reply([text("no")], {
        stop_reason: "refusal",
        stop_details: { type: "refusal", category: "cyber", explanation: "x" },
      }),
  ],
  ["model_context_window_exceeded", () => reply([text("no")], { stop_reason: "model_context_window_exceeded" })],
  ["no content", () => reply([])],
  ["an error in mid-stream", () => pacedReply([...[...eventsFor([text("a b c")])].slice(0, 4), overloaded])],
  ["a stream that ends early", () => pacedReply([...eventsFor([text("a b c")])].slice(0, 4))],
  [
    "an error after thinking",
    () => pacedReply([...[...eventsFor([thinking("Hm"), text("a")])].slice(0, 6), overloaded]),
  ],
  ["an unknown model", () => failure(404, "not_found_error", "model: x")],
  [
    "a 400 about tool history",
    () =>
      failure(
        400,
        "invalid_request_error",
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
      ),
  ],
];

const reports = (report: keyof typeof MOD_REPORTS) => (message: CliMessage) =>
  modReport(message, ONE_CALL_MOD.name) === MOD_REPORTS[report];
const reportsMod = reports("loaded");
const reportsGuardedTurn = reports("turnStarted");
const reportsCall = reports("calling");

describe("without the mod, the CLI calls upstream again after", () => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({
      system: [],
      env: {
        CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: undefined,
        CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK: undefined,
        CLAUDE_CODE_DISABLE_REFUSAL_RETRY: undefined,
      },
    });
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => cli.fakeApi.reset());

  // all of them: what one teaches the CLI affects the next
  it.each(TEMPTING)("%s", async (_name, answer) => {
    cli.fakeApi.respond = answer;
    await cli.turn(body());
    expect(cli.fakeApi.messages.length).toBeGreaterThan(1);
  });
});

const once = async (cli: RawCli, answer: () => Reply) => {
  for (let round = 0; round < rounds; round++) {
    cli.fakeApi.reset();
    cli.fakeApi.respond = answer;
    await cli.turn(body());
    expect(cli.fakeApi.messages).toHaveLength(1);
  }
};

describe("with the mod and without the fallback, the CLI calls upstream once after", () => {
  let cli: RawCli;
  beforeAll(async () => {
    const mod = await scratchHome();
    cli = await RawCli.start({ system: [], args: ["--plugin-dir", await installMod(mod.home, ONE_CALL_MOD)] });
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  it.each(sampled(TEMPTING, TEMPTING.length, 5))(`%s, ${rounds} times`, (_name, answer) => once(cli, answer));
});

describe("the mod", () => {
  /**
   * Starts the CLI with the mod in a directory that `change` may damage, and returns its output up to the end of a
   * turn.
   */
  async function started(change: (mod: string) => Promise<unknown> = async () => {}, options: RawOptions = {}) {
    const scratch = await scratchHome();
    const mod = await installMod(scratch.home, ONE_CALL_MOD);
    await change(mod);
    const cli = await RawCli.start({ args: ["--plugin-dir", mod], ...options });
    const log: CliMessage[] = [];
    const answered = cli.next((message) => {
      log.push(message);
      return message.type === "control_response";
    });
    await cli.initialize();
    await answered;
    return {
      cli,
      mod,
      log,
      async [Symbol.asyncDispose]() {
        await cli[Symbol.asyncDispose]();
        await scratch[Symbol.asyncDispose]();
      },
    };
  }
  const full = () => reply([text("one two")], { stop_reason: "max_tokens" });

  it("reports that it runs before the reply to initialize, and then each turn and call before its events", async () => {
    await using app = await started();
    // the CLI has read its files by now
    await rm(app.mod, { recursive: true });
    app.cli.fakeApi.respond = full;
    expect(app.log.findIndex(reportsMod)).toBe(0);
    for (let turn = 0; turn < 2; turn++) {
      const { log } = await app.cli.turn(body());
      const order = [reportsGuardedTurn, reportsCall, isEvent].map((wanted) => log.findIndex(wanted));
      expect(order.every((index) => index >= 0)).toBe(true);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
    expect(app.cli.fakeApi.messages).toHaveLength(2);
  });

  it.each<[string, (mod: string) => Promise<unknown>, listed: boolean]>([
    ["is missing", (mod) => rm(mod, { recursive: true }), false],
    ["throws", (mod) => writeFile(join(mod, "hooks", "register.js"), "throw new Error('broken');"), true],
    ...(FULL ? MORE_DAMAGE : []),
  ])("reports nothing if it %s, and the CLI works without it", async (_name, change, listed) => {
    await using app = await started(change);
    expect(app.log.some(reportsMod)).toBe(false);
    app.cli.fakeApi.respond = full;
    const { log } = await app.cli.turn(body());
    expect(app.cli.fakeApi.messages.length).toBeGreaterThan(1);
    // the list of plugins does not show whether one runs
    const names = log.find(({ subtype }) => subtype === "init")?.plugins.map(({ name }: { name: string }) => name);
    expect(names.includes("one-call")).toBe(listed);
  });

  it("is asked about turns but not calls with an organization's guard", async () => {
    const prepare = async (home: string) => {
      await mkdir(join(home, ".claude"));
      await writeFile(join(home, ".claude", ".credentials.json"), TEAM_SIGN_IN);
    };
    await using app = await started(undefined, { prepare, env: { ANTHROPIC_API_KEY: undefined } });
    expect(app.log.some(reportsMod)).toBe(true);
    const { log } = await app.cli.turn(body());
    expect([log.some(reportsGuardedTurn), log.some(reportsCall)]).toEqual([true, false]);
    // two settings prevent further calls here as well
    app.cli.fakeApi.reset();
    app.cli.fakeApi.respond = () => reply([text("no")], { stop_reason: "refusal" });
    await app.cli.turn(body());
    expect(app.cli.fakeApi.messages).toHaveLength(1);
  });
});
