import type { Requested } from "./corpus.ts";

/** Values for fields that the server or the API validates. */
const STRINGS: Record<string, string> = {
  model: "claude-sonnet-5-5",
  system: "Be brief.",
  text: "Hello",
  content: "Hello",
  id: "toolu_1",
  tool_use_id: "toolu_1",
  file_id: "file_1",
  signature: "c2ln",
  /** A PNG of one pixel. */
  data: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  url: "https://example.com/a",
  betas: "unknown-2020-01-01",
};

const NUMBERS: Record<string, number> = { max_tokens: 4000, budget_tokens: 1024 };

/** A value for a field about which the types say no more. */
export function sampleOf(field: string, type: string | undefined): unknown {
  if (type === "string") return STRINGS[field] ?? `a ${field}`;
  if (type === "number") return NUMBERS[field] ?? 1;
  if (type === "null") return null;
  if (type === undefined) return { a: ["x", 1.5, true, null, { b: {} }] };
  throw new Error(`No value for ${field} of type ${type}`);
}

interface Block {
  type: string;
  [field: string]: unknown;
}

interface Message {
  role: string;
  content: string | Block[];
}

/** The request with the messages that a given one needs: a user message first, a call's result, a result's call. */
export function completed(request: Requested): Requested {
  const messages = request.messages as Message[];
  const blocks = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  const use = blocks.find(({ type }) => type === "tool_use");
  const result = blocks.find(({ type }) => type === "tool_result");
  const role = messages[0]?.role;
  const other = role === "assistant" ? "user" : "assistant";
  const before: Message[] = [];
  if (role === "system") before.push({ role: "user", content: "Hello" });
  if (result)
    before.push({ role: other, content: [{ type: "tool_use", id: result.tool_use_id, name: "look", input: {} }] });
  const after: Message[] = use ? [{ role: other, content: [{ type: "tool_result", tool_use_id: use.id }] }] : [];
  return { ...request, messages: [...before, ...messages, ...after] };
}
