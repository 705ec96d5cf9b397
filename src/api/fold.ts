import { type ContentBlock, fieldsOf, type Message, type StreamEvent } from "./events.ts";
import { parseToolInput } from "./exactJson.ts";

/**
 * Folds a stream into one `Message`. Like the official SDK, ignores unknown events, unknown deltas and fields of the
 * wrong type.
 */
export async function fold(batches: AsyncIterable<readonly StreamEvent[]>): Promise<Message> {
  let folding: Folding | undefined;
  for await (const events of batches) {
    for (const event of events) {
      if (event.type === "message_start") folding = new Folding(fieldsOf(event.message) ?? {});
      else folding?.apply(event);
    }
  }
  if (!folding) throw new Error("The stream held no message_start.");
  return folding.message();
}

/** A message under construction. Upstream may send any index, hence the map of blocks. */
class Folding {
  #message: Record<string, unknown>;
  #usage: Record<string, unknown>;
  readonly #blocks = new Map<unknown, ContentBlock>();
  readonly #inputs = new Map<unknown, string>();

  constructor(start: Record<string, unknown>) {
    this.#message = start;
    this.#usage = fieldsOf(start.usage) ?? {};
    // a call from code execution starts with its content (docs: "Programmatic tool calling")
    for (const [index, block] of Array.isArray(start.content) ? start.content.entries() : []) this.#begin(index, block);
  }

  message(): Message {
    return { ...this.#message, content: [...this.#blocks.values()], usage: this.#usage };
  }

  apply(event: StreamEvent): void {
    switch (event.type) {
      case "content_block_start":
        this.#begin(event.index, event.content_block);
        break;
      case "content_block_delta":
        this.#extend(event.index, fieldsOf(event.delta));
        break;
      case "content_block_stop": {
        const json = this.#inputs.get(event.index);
        const block = this.#blocks.get(event.index);
        if (json && block) block.input = parseToolInput(json);
        break;
      }
      case "message_delta":
        this.#end(event);
        break;
    }
  }

  #begin(index: unknown, start: unknown): void {
    // copies only what changes: a deep copy would overflow the stack on a deep block
    const block = { ...fieldsOf(start) } as ContentBlock;
    if (Array.isArray(block.citations)) block.citations = [...block.citations];
    this.#blocks.set(index, block);
    // another model answers from here on
    const model = block.type === "fallback" ? fieldsOf(block.to)?.model : undefined;
    if (model !== undefined) this.#message.model = model;
  }

  #extend(index: unknown, delta: Record<string, unknown> | undefined): void {
    const block = this.#blocks.get(index);
    if (!block || !delta) return;
    switch (delta.type) {
      case "text_delta":
        block.text = appended(block.text, delta.text);
        break;
      case "thinking_delta":
        block.thinking = appended(block.thinking, delta.thinking);
        break;
      case "signature_delta":
        block.signature = delta.signature;
        break;
      case "citations_delta":
        if (!Array.isArray(block.citations)) block.citations = [];
        (block.citations as unknown[]).push(delta.citation);
        break;
      case "compaction_delta": {
        const { type: _, ...whole } = delta;
        Object.assign(block, whole);
        break;
      }
      case "input_json_delta":
        this.#inputs.set(index, appended(this.#inputs.get(index), delta.partial_json));
        break;
    }
  }

  #end({ type: _, delta, usage, ...rest }: StreamEvent): void {
    // a null does not overwrite what an earlier message_delta set
    const fields = Object.entries({ ...fieldsOf(delta), ...rest }).filter(
      ([name, value]) => value !== null || !(name in this.#message),
    );
    this.#message = { ...this.#message, ...Object.fromEntries(fields) };
    const counted = Object.entries(fieldsOf(usage) ?? {}).filter(([, value]) => value !== null);
    this.#usage = { ...this.#usage, ...Object.fromEntries(counted) };
  }
}

function appended(before: unknown, more: unknown): string {
  return `${before ?? ""}${typeof more === "string" ? more : ""}`;
}
