import { randomBytes } from "node:crypto";

/** Marks an event whose text the fake API sends unchanged. */
export const WRITTEN = Symbol("written");

// biome-ignore lint/suspicious/noExplicitAny: the fake API may send any event, known or not
export type StreamEvent = { type: string; [WRITTEN]?: string; [field: string]: any };

/** An event with this text. */
export const written = (text: string): StreamEvent => ({ ...JSON.parse(text), [WRITTEN]: text });

/** A reply of the fake API: a stream (`"cut"` drops the connection), an error, a text, or nothing. */
export type Reply = { headers?: Record<string, string> } & (
  | { events: Iterable<StreamEvent | "cut"> | AsyncIterable<StreamEvent | "cut">; folded?: unknown }
  | { status: number; error: { type: string; message: string; [field: string]: unknown }; requestId?: string }
  | { status: number; plain: string }
  | { hangUp: true }
);

export interface Shape {
  model?: string;
  stop_reason?: string;
  stop_sequence?: string | null;
  stop_details?: unknown;
  usage?: Record<string, unknown>;
}

const USAGE = {
  input_tokens: 12,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 1,
  service_tier: "standard",
  inference_geo: "global",
};

// biome-ignore lint/suspicious/noExplicitAny: content blocks of any kind
type Block = { type: string; [field: string]: any };

/** All events of a stream with these content blocks. */
export function* eventsFor(blocks: Block[], shape: Shape = {}): Generator<StreamEvent> {
  const usage = { ...USAGE, ...shape.usage };
  yield {
    type: "message_start",
    message: {
      model: shape.model ?? "claude-sonnet-5",
      id: `msg_${randomBytes(12).toString("hex")}`,
      type: "message",
      role: "assistant",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      usage,
    },
  };
  for (const [index, block] of blocks.entries()) {
    yield { type: "content_block_start", index, content_block: emptied(block) };
    if (index === 0) yield { type: "ping" };
    for (const delta of deltas(block)) yield { type: "content_block_delta", index, delta };
    yield { type: "content_block_stop", index };
  }
  yield {
    type: "message_delta",
    delta: {
      stop_reason: shape.stop_reason ?? (blocks.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn"),
      stop_sequence: shape.stop_sequence ?? null,
      stop_details: shape.stop_details ?? null,
      container: null,
    },
    usage: {
      input_tokens: usage.input_tokens,
      cache_creation_input_tokens: usage.cache_creation_input_tokens,
      cache_read_input_tokens: usage.cache_read_input_tokens,
      output_tokens: shape.usage?.output_tokens ?? 7,
      output_tokens_details: { thinking_tokens: 0 },
    },
  };
  yield { type: "message_stop" };
}

/** A complete answer, streamed or folded like the request. */
export function reply(blocks: Block[], shape: Shape = {}, headers?: Record<string, string>): Reply {
  const [start, ...rest] = [...eventsFor(blocks, shape)] as [StreamEvent, ...StreamEvent[]];
  const end = rest.at(-2) as StreamEvent;
  return {
    ...(headers && { headers }),
    events: [start, ...rest],
    folded: { ...start.message, content: blocks, ...end.delta, usage: { ...start.message.usage, ...end.usage } },
  };
}

/** An answer whose events the test paces, cuts or invents. */
export function pacedReply(events: Iterable<StreamEvent | "cut"> | AsyncIterable<StreamEvent | "cut">): Reply {
  return { events };
}

export function failure(status: number, type: string, message: string, headers?: Record<string, string>): Reply {
  return { status, error: { type, message }, ...(headers && { headers }) };
}

export const text = (value: string): Block => ({ type: "text", text: value });

export const thinking = (value: string, signature = "c2lnbmF0dXJl"): Block => ({
  type: "thinking",
  thinking: value,
  signature,
});

export const toolUse = (name: string, input: unknown, id = `toolu_${randomBytes(12).toString("hex")}`): Block => ({
  type: "tool_use",
  id,
  name,
  input,
  caller: { type: "direct" },
});

/** The default answer: repeats the last text of the conversation. */
// biome-ignore lint/suspicious/noExplicitAny: any request body
export function echo(body: any): Reply {
  const last = body.messages.at(-1)?.content;
  const said =
    typeof last === "string" ? last : (last?.findLast((block: Block) => block.type === "text")?.text ?? "nothing");
  return reply([text(`You said: ${said}`)], { model: body.model });
}

function emptied(block: Block): Block {
  if (block.type === "text") return { ...block, text: "" };
  if (block.type === "thinking") return { ...block, thinking: "", signature: "" };
  if (block.type === "tool_use") return { ...block, input: {} };
  return block;
}

function* deltas(block: Block): Generator<Block> {
  if (block.type === "text") for (const part of words(block.text)) yield { type: "text_delta", text: part };
  if (block.type === "thinking") {
    for (const part of words(block.thinking)) yield { type: "thinking_delta", thinking: part };
    yield { type: "signature_delta", signature: block.signature };
  }
  if (block.type === "tool_use") {
    yield { type: "input_json_delta", partial_json: "" };
    for (const part of words(JSON.stringify(block.input))) yield { type: "input_json_delta", partial_json: part };
  }
}

/** Splits between words, so that a stream has several deltas. */
function words(value: string): string[] {
  return value.match(/\S*\s*/g)?.filter((part) => part !== "") ?? [];
}

/** A promise that the test resolves, for answers that wait for it. */
export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** An answer that begins, calls `begun`, and waits for `released`. */
export function heldReply(blocks: Block[], begun: () => void, released: Promise<void>): Reply {
  const events = [...eventsFor(blocks)];
  return pacedReply(
    (async function* () {
      yield* events.slice(0, 3);
      begun();
      await released;
      yield* events.slice(3);
    })(),
  );
}
