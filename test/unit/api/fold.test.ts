import { describe, expect, it } from "vitest";
import type { ContentBlock, Message, StreamEvent } from "../../../src/api/events.ts";
import { fold } from "../../../src/api/fold.ts";
import { eventsFor, reply, text, thinking, toolUse } from "../../support/replies.ts";
import { batched } from "../../support/streams.ts";

const START: StreamEvent = {
  type: "message_start",
  message: {
    ...{ id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-5", content: [], stop_reason: null },
    usage: { input_tokens: 12, cache_read_input_tokens: 3, output_tokens: 1, service_tier: "standard" },
  },
};
const END: StreamEvent = { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 7 } };
const STOP: StreamEvent = { type: "message_stop" };

const blockEvents = (index: number, block: object, ...deltas: object[]): StreamEvent[] => [
  { type: "content_block_start", index, content_block: block },
  ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
  { type: "content_block_stop", index },
];

async function foldBlocks(...events: StreamEvent[]): Promise<ContentBlock[]> {
  return (await fold(batched([START, ...events, END, STOP]))).content;
}

describe("fold", () => {
  it("keeps the complete part of a tool input that max_tokens has cut off", async () => {
    const blocks = [{ type: "tool_use", id: "a", name: "look", input: {} }];
    const cut = [...eventsFor(blocks, { stop_reason: "max_tokens" })].map((event) =>
      event.type === "content_block_delta"
        ? { ...event, delta: { type: "input_json_delta", partial_json: '{"deep": {"done": 1}, "at": "a b' } }
        : event,
    );
    const input = { deep: { done: 1 } };
    expect(await fold(batched(cut.slice(0, 4).concat(cut.slice(-3))))).toMatchObject({
      stop_reason: "max_tokens",
      content: [{ input }],
    });
  });

  it("turns a complete stream into the API's answer without one", async () => {
    const answer = reply([thinking("Let me see."), text("Two words"), toolUse("look", { at: ["a", { b: "é😀" }] })]);
    if (!("events" in answer)) throw new Error("The fake API's reply is not a stream.");
    expect(await fold(batched(answer.events as StreamEvent[]))).toEqual(answer.folded);
  });

  it.each<[string, object, object[], object]>([
    [
      "joins text",
      { type: "text", text: "" },
      [
        { type: "text_delta", text: "One, " },
        { type: "text_delta", text: "two" },
      ],
      { type: "text", text: "One, two" },
    ],
    [
      "joins thinking and sets its signature",
      { type: "thinking", thinking: "", signature: "" },
      [
        { type: "thinking_delta", thinking: "Hm" },
        { type: "thinking_delta", thinking: "m" },
        { type: "signature_delta", signature: "first" },
        { type: "signature_delta", signature: "second" },
      ],
      { type: "thinking", thinking: "Hmm", signature: "second" },
    ],
    [
      "collects citations",
      { type: "text", text: "", citations: null },
      [
        { type: "citations_delta", citation: { cited_text: "a" } },
        { type: "citations_delta", citation: { cited_text: "b" } },
      ],
      { type: "text", text: "", citations: [{ cited_text: "a" }, { cited_text: "b" }] },
    ],
    [
      "parses a tool's input once it is complete",
      { type: "tool_use", id: "toolu_1", name: "look", input: {} },
      [
        { type: "input_json_delta", partial_json: "" },
        { type: "input_json_delta", partial_json: '{"at": [1, ' },
        { type: "input_json_delta", partial_json: "2]}" },
      ],
      { type: "tool_use", id: "toolu_1", name: "look", input: { at: [1, 2] } },
    ],
    [
      "leaves a tool's input {} without deltas",
      { type: "tool_use", id: "toolu_1", name: "look", input: {} },
      [],
      { type: "tool_use", id: "toolu_1", name: "look", input: {} },
    ],
    [
      "leaves a tool's input {} if its only delta is empty",
      { type: "tool_use", id: "toolu_1", name: "look", input: {} },
      [{ type: "input_json_delta", partial_json: "" }],
      { type: "tool_use", id: "toolu_1", name: "look", input: {} },
    ],
    [
      "keeps blocks without deltas, and ignores unknown deltas",
      { type: "redacted_thinking", data: "xyz" },
      [{ type: "brand_new_delta", text: "?" }],
      { type: "redacted_thinking", data: "xyz" },
    ],
  ])("%s", async (_rule, start, deltas, expected) => {
    expect(await foldBlocks(...blockEvents(0, start, ...deltas))).toEqual([expected]);
  });

  it("keeps the inputs of several tools apart", async () => {
    const use = (id: string) => ({ type: "tool_use", id, name: "look", input: {} });
    const part = (json: string) => ({ type: "input_json_delta", partial_json: json });
    const events = [...blockEvents(0, use("a"), part('{"n":1}')), ...blockEvents(1, use("b"), part('{"n":2}'))];
    expect(await foldBlocks(...events)).toMatchObject([
      { id: "a", input: { n: 1 } },
      { id: "b", input: { n: 2 } },
    ]);
  });

  it("applies message_delta, but no nulls to usage", async () => {
    const delta: StreamEvent = {
      type: "message_delta",
      delta: { stop_reason: "stop_sequence", stop_sequence: "END", stop_details: null, container: null },
      usage: { input_tokens: null, cache_read_input_tokens: null, output_tokens: 7, iterations: [] },
      context_management: { applied_edits: [] },
    };
    const message: Message = await fold(batched([START, delta, STOP]));
    expect(message).toEqual({
      ...{ id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-5", content: [] },
      ...{ stop_reason: "stop_sequence", stop_sequence: "END", stop_details: null, container: null },
      context_management: { applied_edits: [] },
      usage: {
        ...{ input_tokens: 12, cache_read_input_tokens: 3, output_tokens: 7, service_tier: "standard" },
        iterations: [],
      },
    });
  });

  it("accepts a message_delta without usage", async () => {
    const message = await fold(batched([START, { type: "message_delta", delta: { stop_reason: "end_turn" } }, STOP]));
    expect(message).toMatchObject({ stop_reason: "end_turn", usage: { output_tokens: 1 } });
  });

  it.each([
    ["first", [{ type: "message_delta", delta: { stop_reason: null }, usage: { output_tokens: 3 } }, END]],
    ["last", [END, { type: "message_delta", delta: { stop_reason: null }, usage: { input_tokens: 12 } }]],
  ])("keeps the stop reason where another message_delta has none, %s", async (_where, ends) => {
    expect(await fold(batched([START, ...ends, STOP]))).toMatchObject({
      stop_reason: "end_turn",
      usage: { output_tokens: 7 },
    });
  });

  it("accepts content in the first event, and blocks after it", async () => {
    const content = [{ type: "text", text: "Before" }];
    const start = { ...START, message: { ...(START.message as object), content, stop_reason: "tool_use" } };
    const message = await fold(batched([start, ...blockEvents(1, toolUse("look", {}, "a")), STOP]));
    expect(message).toMatchObject({ content: [...content, { id: "a" }], stop_reason: "tool_use" });
  });

  it("leaves no gaps for indexes that upstream skips", async () => {
    const far = blockEvents(50_000_000, { type: "text", text: "" }, { type: "text_delta", text: "far" });
    expect(await foldBlocks(...far)).toEqual([{ type: "text", text: "far" }]);
  });

  it("ignores unknown events", async () => {
    const plain = [...eventsFor([text("Two words")], { stop_reason: "end_turn" })].filter(
      ({ type }) => type !== "ping",
    );
    const noise = { type: "brand_new_event", index: 0, delta: { type: "text_delta", text: "noise" } };
    const noisy = plain.flatMap((event) => [{ type: "ping" }, event, noise]);
    expect(await fold(batched(noisy))).toEqual(await fold(batched(plain)));
  });

  it("does not change the events", async () => {
    const events = [START, ...blockEvents(0, { type: "text", text: "" }, { type: "text_delta", text: "x" }), END, STOP];
    const before = structuredClone(events);
    await fold(batched(events));
    expect(events).toEqual(before);
  });

  it.each([[[]], [[{ type: "ping" }, END, STOP]]])("throws without a message in %j", async (events) => {
    await expect(fold(batched<StreamEvent>(events))).rejects.toThrow("no message_start");
  });

  it("throws the stream's error", async () => {
    const error = new Error("broken");
    async function* failing() {
      yield [START];
      throw error;
    }
    await expect(fold(failing())).rejects.toBe(error);
  });
});
