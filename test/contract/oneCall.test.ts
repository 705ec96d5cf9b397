import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { installOneCallMod } from "../../src/claude/oneCallMod.ts";
import { FULL } from "../support/full.ts";
import { scratchHome } from "../support/harness.ts";
import { body, RawCli } from "../support/rawCli.ts";
import { eventsFor, failure, paced, type Reply, reply, text, thinking } from "../support/replies.ts";

const rounds = FULL ? 100 : 10;
const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };

/** Answers after which the CLI, left to itself, calls upstream again. */
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
  ["an error in mid-stream", () => paced([...[...eventsFor([text("a b c")])].slice(0, 4), overloaded])],
  ["a stream that ends early", () => paced([...eventsFor([text("a b c")])].slice(0, 4))],
  ["an error after a thought", () => paced([...[...eventsFor([thinking("Hm"), text("a")])].slice(0, 6), overloaded])],
  ["a model that is not there", () => failure(404, "not_found_error", "model: x")],
  [
    "a 400 about the history of tools",
    () =>
      failure(
        400,
        "invalid_request_error",
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
      ),
  ],
];

describe("left to itself, the CLI calls upstream again after", () => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({ system: [], env: { CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: undefined } });
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => cli.standIn.reset());

  it.each(TEMPTING)("%s", async (_name, answer) => {
    cli.standIn.respond = answer;
    await cli.turn(body());
    expect(cli.standIn.messages.length).toBeGreaterThan(1);
  });
});

const once = async (cli: RawCli, answer: () => Reply) => {
  for (let round = 0; round < rounds; round++) {
    cli.standIn.reset();
    cli.standIn.respond = answer;
    await cli.turn(body());
    expect(cli.standIn.messages).toHaveLength(1);
  }
};

describe("with the mod and without the fallback, the CLI calls upstream once after", () => {
  let cli: RawCli;
  beforeAll(async () => {
    const mod = await scratchHome();
    cli = await RawCli.start({ system: [], args: ["--plugin-dir", await installOneCallMod(mod.home)] });
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  it.each(TEMPTING)(`%s, ${rounds} times`, (_name, answer) => once(cli, answer));
});
