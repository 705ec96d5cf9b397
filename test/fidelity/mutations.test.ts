import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLI_ARGUMENTS, TRANSPORT_LAUNCH } from "../../src/claude/launchPlan.ts";
import { childEnvironment } from "../../src/claude/process/environment.ts";
import { MOD_REPORTS } from "../../src/claude/protocol/modReports.ts";
import { turnSettings } from "../../src/claude/transport/overlay/turnSettings.ts";
import type { TransportName } from "../../src/claude/transport/transport.ts";
import {
  brokenCli,
  type Loss,
  withMod,
  withoutArgument,
  withoutSetting,
  withoutVariable,
} from "../support/brokenCli.ts";
import { FULL, sampled } from "../support/full.ts";
import { type Scratch, scratchHome, simple, startApp } from "../support/harness.ts";
import { eventsFor, failure, pacedReply, type Reply, reply, text } from "../support/replies.ts";
import { describeRewriting, type TransportStage } from "../support/transports.ts";
import { expectCarried, expectTextCarried } from "./carries.ts";
import { CORPUS, type Requested } from "./corpus.ts";
import { DIGEST_LIKE, RAW, type Written } from "./written.ts";

/** Measures that no request shows: what they prevent happens only later or invisibly. */
const UNSEEN: Record<string, string> = {
  "--output-format": "without it the CLI does not start",
  "--input-format": "without it the CLI does not start",
  "--verbose": "without it the CLI does not start",
  "-p": "--input-format implies it",
  "--no-session-persistence": "the CLI would only write files",
  "--strict-mcp-config": "the working directory is empty",
  "--model": "each request sets its own",
  "--tools": "a request's tools replace all others",
  "--disable-slash-commands": "no client text is read as a command",
  "--setting-sources": "pinned with a user's hooks and memory in test/contract/traps.test.ts",
  "--max-turns": "the mod denies the second turn's call",
  CLAUDE_CODE_MAX_RETRIES: "the mod denies the second call, though later",
  CLAUDE_CODE_DISABLE_REFUSAL_RETRY: "the mod denies the second call, except with an organization's guard",
  CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK: "shows in requests after a refusal (test/http/residue.test.ts)",
  DISABLE_COMPACT: "redundant with the raised limit, for versions that check only this",
  DISABLE_AUTO_COMPACT: "redundant with the raised limit, for versions that check only this",
  CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: "a fresh worker takes over such a request, unseen (test/http/residue.test.ts)",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "the CLI would call other hosts",
  DISABLE_AUTOUPDATER: "the CLI would call other hosts",
  API_FORCE_IDLE_TIMEOUT: "shows after minutes of silence (test/http/silence.test.ts)",
  CLAUDE_ENABLE_STREAM_WATCHDOG: "shows after minutes of silence (test/http/silence.test.ts)",
  CLAUDE_ENABLE_BYTE_WATCHDOG: "shows after minutes of silence (test/http/stalls.test.ts)",
};

/** Further ones for rewriting, where our mod leaves less of the CLI visible. */
const UNSEEN_WHEN_REWRITING: Record<string, string> = {
  CLAUDE_CODE_EXTRA_BODY: "shows if the mod is not asked about a call (test/contract/rewrite.test.ts)",
  CLAUDE_CODE_DISABLE_THINKING: "the mod omits the CLI's thinking",
  CLAUDE_CODE_EFFORT_LEVEL: "the mod omits the CLI's effort",
  "the mod's removal of the prompt": "shows in the CLI's conversation (test/contract/rewrite.test.ts)",
  "the mod's denial of further calls":
    "the server mostly ends a turn before the CLI calls again (test/contract/rewrite.test.ts)",
  "the report that no answer came": "shows without a connection (test/http/networks.test.ts)",
  "the denial if the mod fails": "the mod does not fail",
};

const { env } = turnSettings({
  transport: "overlay",
  model: "",
  body: {},
  systemCacheTtl: undefined,
  withoutTemperature: false,
});

type Losses = Record<string, Loss>;

/** A flag and its value. */
function argumentLosses(started: readonly string[]): Losses {
  const losses = started.map((flag, index): [string, Loss] => {
    const next = started[index + 1];
    return [flag, withoutArgument(flag, next === undefined || next.startsWith("-") ? 1 : 2)];
  });
  return Object.fromEntries(losses.filter(([flag]) => flag.startsWith("-")));
}

const variableLosses = (variables: object): Losses =>
  Object.fromEntries(Object.keys(variables).map((name) => [name, withoutVariable(name)]));

/** What the rewriting mod does, each with a change that undoes it. */
const MOD_LOSSES: Losses = {
  "the mod's report that it runs": withMod("/on(.session.start/,/});/d"),
  "the mod's removal of the prompt": withMod('s/text: "[.]"/text: prompt.text/'),
  "the mod's denial of further calls": withMod(
    "s/if (!isCall || !instruction)/if (!isCall)/; s/instruction = undefined;//",
  ),
  "the mod's denial of counts": withMod(
    "s/if (!isCall || !instruction)/if (!isCall) return next(request);if (!instruction)/",
  ),
  "the CLI's blocks": withMod('s/const blocks = .*/const blocks = "";/'),
  "the client's system blocks": withMod('s/plain(client.system)/""/'),
  "the model": withMod('s/"model", "stream"/"stream"/'),
  "the CLI's metadata": withMod("s/lacksMetadata ? /false ? /"),
  "the client's fields": withMod("s/if (client.fields).*//"),
  "the escape of what looks like a digest": withMod("s/const plain = .*/const plain = (text) => text;/"),
  "the client's betas": withMod("s/.concat(betas)//"),
  "the report of the call": withMod(`/${MOD_REPORTS.calling}/d`),
  "the report of the answer": withMod("/JSON.stringify({ status/d"),
  "the report that no answer came": withMod("/String(error)/d"),
  "the answer as one JSON": withMod("s/own.stream = false//"),
  "the status that keeps upstream's words": withMod("s/status: 499/status: value.status/"),
  "the denial if the mod fails": withMod("s/.catch(() => ({ deny: .*/;/"),
};

/** Every measure that prevents CLI behaviour, by name. */
const NEUTRALISATIONS: Record<TransportName, Losses> = {
  overlay: {
    "--plugin-dir": withoutArgument("--plugin-dir", 2),
    ...argumentLosses([...CLI_ARGUMENTS, ...TRANSPORT_LAUNCH.overlay.args]),
    ...variableLosses(childEnvironment({}, {}, [])),
    ...Object.fromEntries(Object.keys(env).map((name) => [name, withoutSetting(name)])),
  },
  rewrite: {
    "--plugin-dir": withoutArgument("--plugin-dir", 2),
    ...argumentLosses([...CLI_ARGUMENTS, ...TRANSPORT_LAUNCH.rewrite.args]),
    ...variableLosses({ ...childEnvironment({}, {}, []), ...TRANSPORT_LAUNCH.rewrite.environment }),
    ...MOD_LOSSES,
  },
};
const EXCEPTIONS = { overlay: UNSEEN, rewrite: { ...UNSEEN, ...UNSEEN_WHEN_REWRITING } };

const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
const begun = [...eventsFor([text("one two three")])].slice(0, 5);
const full = () => reply([text("x")], { usage: { input_tokens: 990_000, output_tokens: 9000 } });

/** Answers that could mislead the CLI, and what the client must get. Each costs one call. */
const ANSWERS: [answer: () => Reply, status: number, expected: object][] = [
  [() => reply([text("cut")], { stop_reason: "max_tokens" }), 200, { stop_reason: "max_tokens" }],
  [() => failure(404, "not_found_error", "model: x"), 404, { error: { message: "model: x" } }],
  [() => pacedReply([...begun, overloaded]), 529, overloaded],
  [() => pacedReply(begun), 500, { error: { message: expect.stringContaining("broke off: Connection") } }],
  [full, 200, { stop_reason: "end_turn" }],
  [() => reply([text("after it")]), 200, { content: [{ type: "text", text: "after it" }] }],
];

/** Requests that show what the CLI would do with others; a full run uses all. */
const REVEALING = [
  ...["a string", "an alias", "a system prompt that is marked", "a system prompt that is marked for an hour"],
  ...["an effort for a model without one", "an old model", "top_p alone", "thinking"],
];
const bodies = Object.entries(CORPUS).filter(([name]) => FULL || REVEALING.includes(name));

/** What only rewriting carries unchanged. */
const WRITTEN = ["integers beyond 2^53", "a server of the MCP connector", "system blocks with whitespace between"];

/** Runs the suite until something fails. */
async function expectFaithful(how: TransportStage): Promise<void> {
  const { app, transport } = how;
  for (const [, body] of bodies) await expectCarried(how, body, false);
  await expectCarried(how, CORPUS["a system prompt"] as Requested, true, { "anthropic-beta": "unknown-2020-01-01" });
  if (transport === "rewrite") {
    for (const text of [...WRITTEN.map((name) => RAW[name]), DIGEST_LIKE])
      await expectTextCarried(how, text as Written);
  }
  for (const [answer, status, expected] of ANSWERS) {
    app.fakeApi.messages.length = 0;
    app.fakeApi.respond = answer;
    const response = await app.post(simple());
    expect([response.status, app.fakeApi.messages.length]).toEqual([status, 1]);
    expect(response.headers.get("request-id")).toMatch(/^req_[0-9a-f]{24}$/);
    expect(await response.json()).toMatchObject(expected);
  }
}

let scratch: Scratch;
beforeAll(async () => {
  scratch = await scratchHome();
});
afterAll(() => scratch[Symbol.asyncDispose]());

async function outcomeOf(loss: Loss, transport: TransportName): Promise<unknown> {
  const claudePath = await brokenCli(scratch.home, loss);
  await using app = await startApp({ claudePath, transport: transport === "rewrite" ? "auto" : transport });
  return await expectFaithful({ app, transport }).then(
    () => "faithful",
    (error: Error) => error.name,
  );
}

function declare(transport: TransportName, count: number): void {
  const losses = Object.entries(NEUTRALISATIONS[transport]).filter(([name]) => !(name in EXCEPTIONS[transport]));

  it("passes with every measure in place", async () => {
    await using app = await startApp({
      claudePath: await brokenCli(scratch.home, {}),
      transport: transport === "rewrite" ? "auto" : transport,
    });
    await expectFaithful({ app, transport });
  });

  it.each(sampled(losses, count))("fails without %s", async (_name, loss) =>
    expect(await outcomeOf(loss, transport)).toBe("AssertionError"),
  );

  it("knows every exception", () => {
    expect(Object.keys(NEUTRALISATIONS[transport])).toEqual(expect.arrayContaining(Object.keys(EXCEPTIONS[transport])));
  });
}

describeRewriting("the suite of rewriting", () => declare("rewrite", 2));
describe("the suite of the overlay", () => declare("overlay", 1));
