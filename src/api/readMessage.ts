import { type ContentBlock, fieldsOf, type Message } from "./events.ts";
import { parseToolInput } from "./exactJson.ts";
import { elementsAt, topLevelFields } from "./jsonFields.ts";
import { tryParseJson } from "./tryParseJson.ts";

/** Parses a message, keeping the source text of tool inputs; undefined for anything else. */
export function readMessage(text: string): Message | undefined {
  const message = fieldsOf(tryParseJson(text));
  const content: unknown = message?.content;
  if (!message || !Array.isArray(content) || !fieldsOf(message.usage)) return undefined;
  const at = topLevelFields(text).findLast(({ name }) => name === "content");
  const blocks = at ? elementsAt(text, at.from) : [];
  const exact = (block: ContentBlock, index: number): ContentBlock => {
    const { from, to } = blocks[index] ?? { from: 0, to: 0 };
    const json = text.slice(from, to);
    const input = topLevelFields(json).findLast(({ name }) => name === "input");
    return input ? { ...block, input: parseToolInput(json.slice(input.from, input.to)) } : block;
  };
  return { ...message, content: content.map(exact) } as Message;
}
