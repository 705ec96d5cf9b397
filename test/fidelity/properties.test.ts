import fc from "fast-check";
import { expect, it } from "vitest";
import { FULL } from "../support/full.ts";
import { eventsOf, simple } from "../support/harness.ts";
import { eventsFor, pacedReply, reply, type StreamEvent, text, toolUse } from "../support/replies.ts";
import { onEachTransport } from "../support/transports.ts";
import { expectCarried } from "./carries.ts";
import type { Requested } from "./corpus.ts";

/** Any text that JSON can carry, including lone surrogates. */
const words = fc
  .array(
    fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\ud83d", "\u2028", "\u0000", '"', "\\", "/help", "@/")),
  )
  .map((parts) => parts.join(""));
/** Any value that JSON can carry, after encoding. */
const json = fc.jsonValue({ maxDepth: 5, stringUnit: "binary" }).map((value) => JSON.parse(JSON.stringify(value)));
const object = fc.dictionary(fc.string({ unit: "grapheme" }), json).map((value) => JSON.parse(JSON.stringify(value)));

const request: fc.Arbitrary<Requested> = fc
  .record({
    asked: words.map((value) => `x${value}`),
    input: object,
    result: words,
    properties: object,
    max_tokens: fc.integer({ min: 1, max: 64_000 }),
    more: object,
  })
  .map(({ asked, input, result, properties, max_tokens, more }) => ({
    model: "claude-sonnet-5-5",
    max_tokens,
    messages: [
      { role: "user", content: asked },
      { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input, more }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: result }] },
    ],
    tools: [{ name: "look", input_schema: { type: "object", properties } }],
    unknown: more,
  }));

onEachTransport((how) => {
  const { app, transport } = how;
  const numRuns = FULL ? 500 : transport === "rewrite" ? 12 : 4;

  it(`carries whatever JSON can hold, ${numRuns} times`, { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(request, fc.boolean(), (body, stream) => expectCarried(how, body, stream)),
      { numRuns },
    );
  });

  it(`brings back whatever JSON can hold, ${numRuns} times`, { timeout: 600_000 }, async () => {
    const answer = fc.record({ said: words, input: object });
    await fc.assert(
      fc.asyncProperty(answer, async ({ said, input }) => {
        const blocks = [text(Buffer.from(said).toString()), toolUse("look", input)];
        const events = [...eventsFor(blocks)];
        app.fakeApi.respond = () => pacedReply(events);
        const came = (await eventsOf(await app.post(simple("x", { stream: true })))) as StreamEvent[];
        expect(came).toEqual(events.filter(({ type }) => type !== "ping"));
        app.fakeApi.respond = () => reply(blocks);
        const folded = (await (await app.post(simple())).json()) as { content: object[] };
        expect(folded.content).toEqual(blocks);
      }),
      { numRuns },
    );
  });
});
