import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sampled } from "../support/full.ts";
import { body, RawCli } from "../support/rawCli.ts";
import { reply, text } from "../support/replies.ts";

/** Why `src/validation/messagesRequest.ts` validates so little: what it accepts reaches upstream, which rejects it. */
describe("given a body that the API would reject, the CLI", () => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({ system: [] });
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => {
    cli.fakeApi.reset();
    cli.fakeApi.respond = () => reply([text("x")]);
  });
  const upstream = () => cli.fakeApi.messages[0]?.body;

  const block = (content: unknown) => ({ messages: [{ role: "user", content: [content] }] });
  const uses = (...ids: string[]) => ids.map((id) => ({ type: "tool_use", id, name: "look", input: {} }));

  const WRONG: object[] = [
    ...[1.5, -1, "100", null, 1e300].map((max_tokens) => ({ max_tokens })),
    ...["END", [5], [" "], null].map((stop_sequences) => ({ stop_sequences })),
    ...["1", 1.01, -0.1, null].map((temperature) => ({ temperature })),
    { top_p: -1, top_k: -1 },
    { top_p: {}, top_k: "5" },
    ...[["look"], "look", [null], null].map((tools) => ({ tools })),
    ...["auto", {}, null].map((tool_choice) => ({ tool_choice })),
    ...[true, {}, null].map((thinking) => ({ thinking })),
    ...["me", { user_id: 5 }, null].map((metadata) => ({ metadata })),
    ...["Hi", ["Hi"], [{}], [{ role: 5, content: 5 }], [{ role: "system", content: "x" }]].map((messages) => ({
      messages,
    })),
    ...["Hi", null, {}, { type: 5 }, { type: "text" }, { type: "image", source: "x" }].map(block),
    { messages: [{ role: "assistant", content: uses("a", "a") }] },
    block({ type: "tool_result", tool_use_id: "z" }),
  ];
  it.each(sampled(WRONG, WRONG.length, 12))("carries %j unchanged", async (wrong) => {
    const sent = body("x", wrong);
    await cli.turn(sent);
    expect(upstream()).toMatchObject(sent);
  });

  it.each<[string, object]>([
    ["tools that are not a list", { tools: {} }],
    ["a null message", { messages: [{ role: "user", content: "Hi" }, null] }],
  ])("breaks on %s", async (_what, wrong) => {
    const { result } = await cli.turn(body("x", wrong));
    expect(result.is_error).toBe(true);
    expect(upstream()).toBeUndefined();
  });

  it.each<[object, string, unknown]>([
    [{ output_config: "high" }, "output_config", { 0: "h", 1: "i", 2: "g", 3: "h" }],
    [{ output_config: [] }, "output_config", undefined],
    [{ user_profile_id: "p" }, "user_profile_id", undefined],
    [{ betas: ["b"] }, "betas", undefined],
    [{ stream: "yes" }, "stream", true],
  ])("changes %j", async (wrong, field, arrived) => {
    await cli.turn(body("x", wrong));
    expect(upstream()[field]).toEqual(arrived);
  });
});
