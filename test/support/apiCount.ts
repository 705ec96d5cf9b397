import { imageSize, imageTokens } from "../../src/tokens/imageSize.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies of any shape
type Any = any;

const CONVERSATION = 3;
const TURN = 4;
const TOOLS = 346;

/**
 * What the fake API's counter says of a body. Like the API's it counts system, tools and turns side by side, takes
 * consecutive messages of a role for one turn, leaves out earlier thinking, and knows images by their size.
 */
export function apiCount(body: Any): number {
  let tokens = CONVERSATION + countContent(body.system);
  if (body.tools?.length > 0) tokens += TOOLS;
  for (const { cache_control: _, ...tool } of body.tools ?? []) tokens += countJson(tool);
  for (const [index, { role, content }] of body.messages.entries()) {
    tokens += (body.messages[index - 1]?.role === role ? 0 : TURN) + countContent(content);
  }
  return tokens;
}

function countContent(content: Any): number {
  if (typeof content === "string") return countText(content);
  return (content ?? []).reduce((sum: number, block: Any) => sum + countBlock(block), 0);
}

function countBlock({ cache_control: _, ...block }: Any): number {
  if (block.type === "text") return countText(block.text);
  if (block.type === "thinking" || block.type === "redacted_thinking") return 0;
  if (block.type === "tool_result") return countText(block.tool_use_id) + countContent(block.content);
  if (block.type === "image" && block.source.type === "base64") {
    const size = imageSize(block.source.data);
    return size ? imageTokens(size.width, size.height) : 1;
  }
  return countJson(block);
}

/** The order of keys makes no difference, since a body may be written anew on its way. */
function countJson(value: Any): number {
  return countText(JSON.stringify(value).split("").sort().join(""));
}

/** Words up to four letters, and every other character that is no single space. */
function countText(text: string): number {
  return text.match(/[A-Za-z0-9]{1,4}|[^A-Za-z0-9 ]| {2,}/gu)?.length ?? 0;
}
