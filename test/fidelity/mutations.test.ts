import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { childEnvironment } from "../../src/claude/environment.ts";
import { ARGUMENTS, OF_TRANSPORT } from "../../src/claude/launchPlan.ts";
import { REPORTS } from "../../src/claude/modReports.ts";
import { turnSettings } from "../../src/claude/overlay/turnSettings.ts";
import type { TransportName } from "../../src/claude/transport.ts";
import {
  brokenCli,
  type Loss,
  withMod,
  withoutArgument,
  withoutSetting,
  withoutVariable,
} from "../support/brokenCli.ts";
import { FULL, sampled } from "../support/full.ts";
import { type Scratch, scratchHome, simple, stage } from "../support/harness.ts";
import { eventsFor, failure, paced, type Reply, reply, text } from "../support/replies.ts";
import { describeRewriting, type TransportStage } from "../support/transports.ts";
import { expectCarried, expectTextCarried } from "./carries.ts";
import { CORPUS, type Requested } from "./corpus.ts";
import { DIGEST_LIKE, RAW, type Written } from "./written.ts";

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
  CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: "a fresh worker takes such a request over, unseen (test/http/residue.test.ts)",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "the CLI would call other hosts",
  DISABLE_AUTOUPDATER: "the CLI would call other hosts",
  API_FORCE_IDLE_TIMEOUT: "shows after minutes of silence (test/http/silence.test.ts)",
  CLAUDE_ENABLE_STREAM_WATCHDOG: "shows after minutes of silence (test/http/silence.test.ts)",
  CLAUDE_ENABLE_BYTE_WATCHDOG: "shows after minutes of silence (test/http/stalls.test.ts)",
};

/** The same for rewriting, besides: what our mod sends and denies leaves less of the CLI to show. */
const UNSEEN_WHEN_REWRITING: Record<string, string> = {
  CLAUDE_CODE_EXTRA_BODY: "shows where the mod is not asked about a call (test/contract/rewrite.test.ts)",
  CLAUDE_CODE_DISABLE_THINKING: "the mod leaves the CLI's own thinking out",
  CLAUDE_CODE_EFFORT_LEVEL: "the mod leaves the CLI's own effort out",
  "the mod's end of the prompt": "shows in the CLI's conversation (test/contract/rewrite.test.ts)",
  "the mod's denial of further calls":
    "the server mostly ends a turn before the CLI calls again (test/contract/rewrite.test.ts)",
  "the report that no answer came": "shows where there is no connection (test/http/networks.test.ts)",
  "the denial where the mod fails": "the mod does not fail",
};

const { env } = turnSettings({
  transport: "overlay",
  model: "",
  body: {},
  systemMarks: undefined,
  withoutTemperature: false,
});

type Losses = Record<string, Loss>;

/** A flag of the start, and the value that follows it. */
function argumentLosses(started: readonly string[]): Losses {
  const losses = started.map((flag, index): [string, Loss] => {
    const next = started[index + 1];
    return [flag, withoutArgument(flag, next === undefined || next.startsWith("-") ? 1 : 2)];
  });
  return Object.fromEntries(losses.filter(([flag]) => flag.startsWith("-")));
}

const variableLosses = (variables: object): Losses =>
  Object.fromEntries(Object.keys(variables).map((name) => [name, withoutVariable(name)]));

/** What the mod that rewrites does, each with a change that undoes it. */
const MOD_LOSSES: Losses = {
  "the mod's report that it runs": withMod("/on(.session.start/,/});/d"),
  "the mod's end of the prompt": withMod('s/text: "[.]"/text: prompt.text/'),
  "the mod's denial of further calls": withMod("s/if (!isCall || !order)/if (!isCall)/; s/order = undefined;//"),
  "the mod's denial of counts": withMod("s/if (!isCall || !order)/if (!isCall) return next(request);if (!order)/"),
  "the CLI's blocks": withMod('s/const blocks = .*/const blocks = "";/'),
  "the client's system blocks": withMod('s/plain(client.system)/""/'),
  "the model": withMod('s/"model", "stream"/"stream"/'),
  "the CLI's metadata": withMod("s/lacksMetadata ? /false ? /"),
  "the client's fields": withMod("s/if (client.fields).*//"),
  "the escape of what looks like a digest": withMod("s/const plain = .*/const plain = (text) => text;/"),
  "the client's betas": withMod("s/.concat(betas)//"),
  "the report of the call": withMod(`/${REPORTS.calling}/d`),
  "the report of the answer": withMod("/JSON.stringify({ status/d"),
  "the report that no answer came": withMod("/String(error)/d"),
  "the answer as one JSON": withMod("s/own.stream = false//"),
  "the status that keeps upstream's words": withMod("s/status: 499/status: value.status/"),
  "the denial where the mod fails": withMod("s/.catch(() => ({ deny: .*/;/"),
};

/** Everything with which we keep the CLI from what it would do, by name. */
const NEUTRALISATIONS: Record<TransportName, Losses> = {
  overlay: {
    "--plugin-dir": withoutArgument("--plugin-dir", 2),
    ...argumentLosses([...ARGUMENTS, ...OF_TRANSPORT.overlay.args]),
    ...variableLosses(childEnvironment({}, {}, [])),
    ...Object.fromEntries(Object.keys(env).map((name) => [name, withoutSetting(name)])),
  },
  rewrite: {
    "--plugin-dir": withoutArgument("--plugin-dir", 2),
    ...argumentLosses([...ARGUMENTS, ...OF_TRANSPORT.rewrite.args]),
    ...variableLosses({ ...childEnvironment({}, {}, []), ...OF_TRANSPORT.rewrite.environment }),
    ...MOD_LOSSES,
  },
};
const EXCEPTIONS = { overlay: UNSEEN, rewrite: { ...UNSEEN, ...UNSEEN_WHEN_REWRITING } };

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

/** What only rewriting carries as it is. */
const WRITTEN = ["integers beyond 2^53", "a server of the MCP connector", "system blocks with blanks between"];

/** Goes through the suite until something is amiss. */
async function expectFaithful(how: TransportStage): Promise<void> {
  const { on, transport } = how;
  for (const [, body] of bodies) await expectCarried(how, body, false);
  await expectCarried(how, CORPUS["a system prompt"] as Requested, true, { "anthropic-beta": "unknown-2020-01-01" });
  if (transport === "rewrite") {
    for (const text of [...WRITTEN.map((name) => RAW[name]), DIGEST_LIKE])
      await expectTextCarried(how, text as Written);
  }
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

async function outcomeOf(loss: Loss, transport: TransportName): Promise<unknown> {
  const claudePath = await brokenCli(scratch.home, loss);
  await using on = await stage({ claudePath, transport: transport === "rewrite" ? "auto" : transport });
  return await expectFaithful({ on, transport }).then(
    () => "faithful",
    (error: Error) => error.name,
  );
}

function declare(transport: TransportName, count: number): void {
  const losses = Object.entries(NEUTRALISATIONS[transport]).filter(([name]) => !(name in EXCEPTIONS[transport]));

  it("is passed by what is whole", async () => {
    await using on = await stage({
      claudePath: await brokenCli(scratch.home, {}),
      transport: transport === "rewrite" ? "auto" : transport,
    });
    await expectFaithful({ on, transport });
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
