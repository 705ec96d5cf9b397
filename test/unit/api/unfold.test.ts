import { expect, it } from "vitest";
import type { Message } from "../../../src/api/events.ts";
import { stringify } from "../../../src/api/exactJson.ts";
import { fold } from "../../../src/api/fold.ts";
import { unfold } from "../../../src/api/unfold.ts";

const MESSAGE: Message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-5-5",
  content: [
    { type: "thinking", thinking: "Hm", signature: "c2ln" },
    { type: "text", text: "Two words", citations: [{ type: "char_location", cited_text: "two" }] },
    { type: "mcp_tool_use", id: "mcptoolu_1", name: "look", server_name: "s", input: { at: 1 } },
    { type: "mcp_tool_result", tool_use_id: "mcptoolu_1", is_error: false, content: [{ type: "text", text: "seen" }] },
    { type: "text", text: "", citations: null },
    { type: "tool_use", id: "toolu_1", name: "none", input: {} },
    { type: "of_tomorrow", field: [1, { two: 3 }] },
  ],
  stop_reason: "end_turn",
  stop_sequence: null,
  container: { id: "container_1" },
  usage: { input_tokens: 5, output_tokens: 7 },
  context_management: { applied_edits: [] },
};

async function* stream(message: Message) {
  yield [...unfold(message)];
}

it("yields events that fold to the same message", async () => {
  expect(JSON.parse(stringify(await fold(stream(MESSAGE))))).toEqual(MESSAGE);
  const empty = { ...MESSAGE, content: [] };
  expect(await fold(stream(empty))).toEqual(empty);
});

it("begins and ends like a stream of the API", () => {
  const events = [...unfold(MESSAGE)];
  expect(events[0]).toMatchObject({
    type: "message_start",
    message: { content: [], stop_reason: null, container: null },
  });
  expect(events.slice(1, 5).map(({ type, delta }) => [type, (delta as { type?: string } | undefined)?.type])).toEqual([
    ["content_block_start", undefined],
    ["content_block_delta", "thinking_delta"],
    ["content_block_delta", "signature_delta"],
    ["content_block_stop", undefined],
  ]);
  expect(events.slice(-2)).toEqual([
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null, container: { id: "container_1" } },
      usage: MESSAGE.usage,
      context_management: MESSAGE.context_management,
    },
    { type: "message_stop" },
  ]);
});
