import type { ContentBlock, Message, StreamEvent } from "./events.ts";
import { stringify } from "./exactJson.ts";

const FIELD_DELTAS: Record<string, { empty: unknown; delta(value: unknown): object[] }> = {
  text: { empty: "", delta: (text) => [{ type: "text_delta", text }] },
  thinking: { empty: "", delta: (thinking) => [{ type: "thinking_delta", thinking }] },
  signature: { empty: "", delta: (signature) => [{ type: "signature_delta", signature }] },
  citations: {
    empty: [],
    delta: (citations) => (citations as unknown[]).map((citation) => ({ type: "citations_delta", citation })),
  },
  input: { empty: {}, delta: (input) => [{ type: "input_json_delta", partial_json: stringify(input) }] },
};

/** By block type. Blocks of other types are sent complete, in `content_block_start`. */
const STREAMED_FIELDS: Record<string, readonly string[]> = {
  text: ["citations", "text"],
  thinking: ["thinking", "signature"],
  tool_use: ["input"],
  server_tool_use: ["input"],
  mcp_tool_use: ["input"],
};

const END_FIELDS = ["stop_reason", "stop_sequence", "stop_details", "container"];

/** Turns a complete message into the events of a stream; the inverse of `fold`. */
export function* unfold(message: Message): Generator<StreamEvent> {
  const { content, usage, context_management, ...rest } = message;
  const end = Object.fromEntries(END_FIELDS.filter((name) => name in rest).map((name) => [name, rest[name]]));
  const open = Object.fromEntries(Object.keys(end).map((name) => [name, null]));
  yield { type: "message_start", message: { ...rest, ...open, content: [], usage } };
  for (const [index, block] of content.entries()) yield* eventsOf(block, index);
  yield {
    ...{ type: "message_delta", delta: end, usage },
    ...(context_management !== undefined && { context_management }),
  };
  yield { type: "message_stop" };
}

function* eventsOf(block: ContentBlock, index: number): Generator<StreamEvent> {
  const names = Object.hasOwn(STREAMED_FIELDS, block.type) ? (STREAMED_FIELDS[block.type] ?? []) : [];
  const pieces = names.filter((name) => block[name] !== undefined && block[name] !== null);
  const empty = Object.fromEntries(pieces.map((name) => [name, FIELD_DELTAS[name]?.empty]));
  yield { type: "content_block_start", index, content_block: { ...block, ...empty } };
  for (const name of pieces) {
    for (const delta of FIELD_DELTAS[name]?.delta(block[name]) ?? [])
      yield { type: "content_block_delta", index, delta };
  }
  yield { type: "content_block_stop", index };
}
