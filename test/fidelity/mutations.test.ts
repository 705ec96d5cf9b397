import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { childEnvironment } from "../../src/claude/environment.ts";
import { ARGUMENTS } from "../../src/claude/launcher.ts";
import { turnSettings } from "../../src/claude/turnSettings.ts";
import { brokenCli, type Loss, withoutArgument, withoutSetting, withoutVariable } from "../support/brokenCli.ts";
import { FULL, itThorough, sampled } from "../support/full.ts";
import { type Scratch, type Stage, scratchHome, simple, stage } from "../support/harness.ts";
import { eventsFor, failure, paced, type Reply, reply, text } from "../support/replies.ts";
import { expectCarried } from "./carries.ts";
import { CORPUS, type Requested } from "./corpus.ts";

/** What no request shows: each keeps the CLI from something that it does only after long, or to itself. */
const UNSEEN: Record<string, string> = {
  "--output-format": "without it the CLI does not start",
  "--input-format": "without it the CLI does not start",
  "--verbose": "without it the CLI does not start",
  "-p": "--input-format says as much",
  "--no-session-persistence": "the CLI would only write files",
  "--strict-mcp-config": "no configuration is near our empty directory",
  "--model": "each request brings its own",
  "--tools": "the tools of a request take the place of all others",
  "--disable-slash-commands": "no text of a client is ever read as a command",
  "--setting-sources": "pinned with a user's hooks and memory in test/contract/traps.test.ts",
  "--max-turns": "the mod denies the second turn's call",
  CLAUDE_CODE_MAX_RETRIES: "the mod denies the second call, though later",
  CLAUDE_CODE_DISABLE_REFUSAL_RETRY: "the mod denies the second call, except where an organization has its own guard",
  CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK: "shows in requests after a refusal (test/http/residue.test.ts)",
  DISABLE_COMPACT: "stands beside the limit that is lifted, for versions that look at it alone",
  DISABLE_AUTO_COMPACT: "stands beside the limit that is lifted, for versions that look at it alone",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "the CLI would call other hosts",
  DISABLE_AUTOUPDATER: "the CLI would call other hosts",
  API_FORCE_IDLE_TIMEOUT: "shows after minutes of silence (test/http/silence.test.ts)",
  CLAUDE_ENABLE_STREAM_WATCHDOG: "shows after minutes of silence (test/http/silence.test.ts)",
  CLAUDE_ENABLE_BYTE_WATCHDOG: "shows after minutes of silence (test/http/stalls.test.ts)",
};

const { env } = turnSettings({ model: "", body: {}, systemMarks: undefined, withoutTemperature: false });
const flags = ARGUMENTS.filter((argument) => argument.startsWith("-"));

/** Everything with which we keep the CLI from what it would do, by name. */
const NEUTRALISATIONS: Record<string, Loss> = {
  "--plugin-dir": withoutArgument("--plugin-dir", 2),
  ...Object.fromEntries(flags.map((flag) => [flag, withoutArgument(flag, argumentsOf(flag))])),
  ...Object.fromEntries(Object.keys(childEnvironment({}, {}, [])).map((name) => [name, withoutVariable(name)])),
  ...Object.fromEntries(Object.keys(env).map((name) => [name, withoutSetting(name)])),
};

/** A flag, and the value that follows it. */
function argumentsOf(flag: string): number {
  const next = ARGUMENTS[ARGUMENTS.indexOf(flag) + 1];
  return next === undefined || next.startsWith("-") ? 1 : 2;
}

const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
const begun = [...eventsFor([text("one two three")])].slice(0, 5);
const full = () => reply([text("x")], { usage: { input_tokens: 990_000, output_tokens: 9000 } });

/** Answers after which the CLI could go astray, and what the client must be told then; each costs one call. */
const ANSWERS: [answer: () => Reply, status: number, told: object][] = [
  [() => reply([text("cut")], { stop_reason: "max_tokens" }), 200, { stop_reason: "max_tokens" }],
  [() => failure(404, "not_found_error", "model: x"), 404, { error: { message: "model: x" } }],
  [() => paced([...begun, overloaded]), 529, overloaded],
  [() => paced(begun), 500, { error: { message: expect.stringContaining("broke off: Connection") } }],
  [full, 200, { stop_reason: "end_turn" }],
  [() => reply([text("after it")]), 200, { content: [{ type: "text", text: "after it" }] }],
];

/** Requests on which it shows what the CLI would do with others, too; a full run takes all. */
const TELLING = [
  ...["a string", "an alias", "a system prompt that is marked", "a system prompt that is marked for an hour"],
  ...["an effort of a model that has none", "an old model", "a share of the tokens alone", "thinking"],
];
const bodies = Object.entries(CORPUS).filter(([name]) => FULL || TELLING.includes(name));
const losses = Object.entries(NEUTRALISATIONS).filter(([name]) => !(name in UNSEEN));

/** Goes through the suite until something is amiss. */
async function expectFaithful(on: Stage): Promise<void> {
  for (const [, body] of bodies) await expectCarried(on, body, false);
  await expectCarried(on, CORPUS["a system prompt"] as Requested, true);
  for (const [answer, status, told] of ANSWERS) {
    on.standIn.messages.length = 0;
    on.standIn.respond = answer;
    const response = await on.post(simple());
    expect([response.status, on.standIn.messages.length]).toEqual([status, 1]);
    expect(response.headers.get("request-id")).toMatch(/^req_[0-9a-f]{24}$/);
    expect(await response.json()).toMatchObject(told);
  }
}

let scratch: Scratch;
beforeAll(async () => {
  scratch = await scratchHome();
});
afterAll(() => scratch[Symbol.asyncDispose]());

async function outcomeOf(loss: Loss): Promise<unknown> {
  await using on = await stage({ claudePath: await brokenCli(scratch.home, loss) });
  return await expectFaithful(on).then(
    () => "faithful",
    (error: Error) => error.name,
  );
}

describe("the suite", { timeout: 120_000 }, () => {
  // requests.test.ts sends more of the same through what is whole
  itThorough("is passed by what is whole", async () => {
    await using on = await stage({ claudePath: await brokenCli(scratch.home, {}) });
    await expectFaithful(on);
  });

  it.each(sampled(losses, 2, 1))("fails without %s", async (_name, loss) =>
    expect(await outcomeOf(loss)).toBe("AssertionError"),
  );

  it("knows every exception", () => {
    expect(Object.keys(NEUTRALISATIONS)).toEqual(expect.arrayContaining(Object.keys(UNSEEN)));
  });
});
