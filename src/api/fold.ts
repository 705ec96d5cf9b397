import type { ContentBlock, Message, StreamEvent } from "./events.ts";
import { parseInput } from "./exactJson.ts";

/**
 * Folds a stream into the one `Message` that a request without `stream` is answered with.
 * Unknown events and deltas leave it as it is, like in the official SDK's own fold (`MessageStream`, `BetaMessageStream`).
 */
export async function fold(events: AsyncIterable<StreamEvent>): Promise<Message> {
  let message: Message | undefined;
  const partialInputs = new Map<number, string>();
  for await (const event of events) {
    if (event.type === "message_start") message = structuredClone(event.message) as Message;
    else if (message) apply(message, event, partialInputs);
  }
  if (!message) throw new Error("The stream held no message_start.");
  return message;
}

function apply(message: Message, event: StreamEvent, partialInputs: Map<number, string>): void {
  const index = event.index as number;
  switch (event.type) {
    case "content_block_start": {
      const block = structuredClone(event.content_block) as ContentBlock;
      message.content[index] = block;
      // from here on another model answers
      if (block.type === "fallback") message.model = (block.to as { model: string }).model;
      break;
    }
    case "content_block_delta":
      applyDelta(message.content[index] as ContentBlock, event.delta as ContentBlock, index, partialInputs);
      break;
    case "content_block_stop": {
      const json = partialInputs.get(index);
      const block = message.content[index];
      if (json && block) block.input = parseInput(json);
      break;
    }
    case "message_delta": {
      const { type: _, delta, usage, ...rest } = event;
      const { container, ...ending } = delta as { container?: unknown };
      Object.assign(message, ending, rest);
      // that of the beginning stays where the end names none
      if (container !== undefined) message.container = container ?? message.container ?? null;
      for (const [name, value] of Object.entries(usage ?? {})) if (value !== null) message.usage[name] = value;
      break;
    }
  }
}

function applyDelta(block: ContentBlock, delta: ContentBlock, index: number, partialInputs: Map<number, string>): void {
  switch (delta.type) {
    case "text_delta":
      block.text = `${block.text ?? ""}${delta.text}`;
      break;
    case "thinking_delta":
      block.thinking = `${block.thinking ?? ""}${delta.thinking}`;
      break;
    case "signature_delta":
      block.signature = delta.signature;
      break;
    case "citations_delta":
      block.citations = [...((block.citations as unknown[] | null) ?? []), delta.citation];
      break;
    case "compaction_delta": {
      const { type: _, ...whole } = delta;
      Object.assign(block, whole);
      break;
    }
    case "input_json_delta":
      partialInputs.set(index, `${partialInputs.get(index) ?? ""}${delta.partial_json}`);
      break;
  }
}
