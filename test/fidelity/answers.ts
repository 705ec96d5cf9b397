import { QUICK } from "../support/full.ts";
import { eventsFor, type StreamEvent, text, thinking, toolUse } from "../support/replies.ts";

/** The events of one block that starts with this content, followed by these deltas. */
function block(index: number, content_block: object, ...deltas: object[]): StreamEvent[] {
  return [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

/** A stream with these blocks; `delta` and `usage` are added to its end. */
function stream(blocks: StreamEvent[], delta: object = {}, usage: object = {}): StreamEvent[] {
  const [start, end, stop] = [...eventsFor([])] as [StreamEvent, StreamEvent, StreamEvent];
  return [start, ...blocks, { ...end, delta: { ...end.delta, ...delta }, usage: { ...end.usage, ...usage } }, stop];
}

const [start] = [...eventsFor([])] as [StreamEvent];

const cited = {
  type: "char_location",
  cited_text: "c",
  document_index: 0,
  document_title: null,
  start_char_index: 0,
  end_char_index: 1,
};
const found = {
  type: "web_search_result",
  url: "https://example.com",
  title: "t",
  encrypted_content: "e",
  page_age: null,
};

/** Upstream streams for every kind of answer of the API, by name. */
export const ANSWERS: Record<string, StreamEvent[]> = {
  text: [...eventsFor([text("A few words of an answer")])],
  "every kind of text": [...eventsFor([text('é \u2028\u2029\u0000\ufeff 😀 \\ " \r\n\t data: x\n\nevent: y')])],
  "a long text": [...eventsFor([text("word ".repeat(QUICK ? 3000 : 20_000))])],
  "an empty text": stream(block(0, { type: "text", text: "" })),
  "text that cites": stream(
    block(
      0,
      { type: "text", text: "", citations: [] },
      { type: "citations_delta", citation: cited },
      { type: "text_delta", text: "cited" },
      { type: "citations_delta", citation: { ...cited, start_char_index: 5 } },
    ),
  ),
  thinking: [...eventsFor([thinking("Let me see"), text("Yes")])],
  "hidden thinking": stream([
    ...block(0, { type: "thinking", thinking: "", signature: "" }, { type: "signature_delta", signature: "c2ln" }),
    ...block(1, { type: "redacted_thinking", data: "ZGF0YQ==" }),
    ...block(2, { type: "text", text: "" }, { type: "text_delta", text: "Yes" }),
  ]),
  "a tool call": [
    ...eventsFor([text("Well"), toolUse("look", { at: ["a", { b: null, c: 1.5e-7 }], "é\n": "\u2028" })]),
  ],
  "parallel tool calls": [...eventsFor([toolUse("a", { n: 1 }), toolUse("b", { n: [] }), toolUse("c", "text")])],
  "a tool call without input": stream(
    block(0, { type: "tool_use", id: "toolu_1", name: "now", input: {}, caller: { type: "direct" } }),
  ),
  "a tool call with input by the character": stream(
    block(
      0,
      { type: "tool_use", id: "toolu_1", name: "look", input: {} },
      ...[...'{"at": "\\u00e9\\"", "n": [1, -2.5e3, true, null]}'].map((partial_json) => ({
        type: "input_json_delta",
        partial_json,
      })),
    ),
    { stop_reason: "tool_use" },
  ),
  "a server search": stream(
    [
      ...block(
        0,
        { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} },
        { type: "input_json_delta", partial_json: '{"query":"x"}' },
      ),
      ...block(1, { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [found] }),
      ...block(2, { type: "text", text: "" }, { type: "text_delta", text: "Found" }),
    ],
    {},
    { server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 } },
  ),
  "a fallback to another model": stream([
    ...block(0, { type: "text", text: "" }, { type: "text_delta", text: "part" }),
    ...block(1, { type: "fallback", from: { model: "claude-sonnet-5" }, to: { model: "claude-haiku-4-5-20251001" } }),
    ...block(2, { type: "text", text: "" }, { type: "text_delta", text: "rest" }),
  ]),
  "a fallback before anything else": stream([
    ...block(0, { type: "fallback", from: { model: "claude-opus-5" }, to: { model: "claude-sonnet-5" } }),
    ...block(1, { type: "fallback", from: { model: "claude-sonnet-5" }, to: { model: "claude-haiku-4-5-20251001" } }),
    ...block(2, { type: "text", text: "" }, { type: "text_delta", text: "all" }),
  ]),
  "a compaction": stream([
    ...block(
      0,
      { type: "compaction", content: null },
      { type: "compaction_delta", content: "What was said", encrypted_content: "ZW5j" },
    ),
    ...block(1, { type: "text", text: "" }, { type: "text_delta", text: "x" }),
  ]),
  "a failed compaction": stream([
    ...block(0, { type: "compaction", content: null }, { type: "compaction_delta", content: null }),
    ...block(1, { type: "text", text: "" }, { type: "text_delta", text: "x" }),
  ]),
  "an empty answer": stream([]),
  "a tool call from code execution, in its first event": [
    {
      type: "message_start",
      message: {
        ...start.message,
        content: [{ type: "tool_use", id: "toolu_1", name: "look", input: { at: "a" }, caller: { type: "direct" } }],
        stop_reason: "tool_use",
        container: { id: "container_1", expires_at: "2026-11-24T00:00:00Z" },
      },
    },
    { type: "message_stop" },
  ],
  "an end at max_tokens": [...eventsFor([text("cut")], { stop_reason: "max_tokens" })],
  "an end at a stop sequence": [...eventsFor([text("cut")], { stop_reason: "stop_sequence", stop_sequence: "END" })],
  "an end at pause_turn": [...eventsFor([text("cut")], { stop_reason: "pause_turn" })],
  "an end at the context window": [...eventsFor([text("cut")], { stop_reason: "model_context_window_exceeded" })],
  "a refusal": [
    ...eventsFor([text("No")], {
      stop_reason: "refusal",
      stop_details: { type: "refusal", category: "cyber", explanation: "Because." },
    }),
  ],
  "a container and context edits": stream(
    block(0, { type: "text", text: "" }, { type: "text_delta", text: "x" }),
    { container: { id: "container_1", expires_at: "2026-11-24T00:00:00Z" } },
    { cache_read_input_tokens: 5, cache_creation_input_tokens: 6 },
  ),
};

/** The end of an answer in two parts, of which one has no stop reason. */
const parts = (first: object, second: object): StreamEvent[] => {
  const [start, ...rest] = [...eventsFor([text("whole")])] as [StreamEvent, ...StreamEvent[]];
  const end = rest.at(-2) as StreamEvent;
  const part = (more: object) => ({ ...end, delta: { ...end.delta, ...more } });
  return [start, ...rest.slice(0, -2), part(first), part(second), ...rest.slice(-1)];
};

export const TWO_PARTS = {
  "the stop reason last": parts({ stop_reason: null }, {}),
  "the stop reason first": parts({}, { stop_reason: null }),
};

/** An answer with fields that the CLI removes, in its last delta and a fallback block, and what remains. */
export const [TAKEN_OUT, LEFT_OF_IT] = [true, false].map((whole) => {
  const details = { type: "refusal", category: "cyber", explanation: "Because." };
  const tokens = { fallback_credit_token: "fct_1", resumption: { a: 1 }, resumption_token: "rt_1" };
  const fallback = { type: "fallback", from: { model: "claude-sonnet-5" }, to: { model: "claude-haiku-4-5-20251001" } };
  const trigger = { type: "refusal", category: "cyber", explanation: null };
  return stream(
    [
      ...block(0, { type: "text", text: "" }, { type: "text_delta", text: "part" }),
      ...block(1, whole ? { ...fallback, trigger } : fallback),
    ],
    { stop_reason: "refusal", stop_details: whole ? { ...details, ...tokens } : details },
  );
}) as [StreamEvent[], StreamEvent[]];

/** Blocks and deltas unknown to SDKs, which are forwarded. The CLI does not report unknown events. */
export const NOVEL: StreamEvent[] = stream([
  ...block(0, { type: "hologram", depth: 0 }, { type: "depth_delta", depth: 3 }),
  ...block(1, { type: "text", text: "" }, { type: "text_delta", text: "x", weight: 0.5 }),
]);
