import { describe, expect, it } from "vitest";
import { parseCountTokensRequest } from "../../../src/validation/countTokensRequest.ts";

const EXPECTED_OBJECT = "Input should be a valid dictionary or object to extract fields from";
const OVERLAID = { version: "2023-06-01", isRewritten: false } as const;
const BASE = { model: "sonnet", messages: [{ role: "user", content: "Hi" }] };
const block = (content: unknown) => ({ messages: [{ role: "user", content: [content] }] });
const message = (value: unknown) => ({ messages: [value] });

describe("parseCountTokensRequest rejects", () => {
  it.each<[string, object]>([
    ["max_tokens: Extra inputs are not permitted", { max_tokens: 10 }],
    ["messages.0.role: Field required", message({ content: "Hi" })],
    ["messages.0.role: Input should be 'user' or 'assistant'", message({ role: "tool", content: "Hi" })],
    ["messages.0.role: Input should be 'user' or 'assistant'", message({ role: 5, content: "Hi" })],
    [
      "messages.0: use the top-level 'system' parameter for the initial system prompt",
      message({ role: "system", content: "Be brief." }),
    ],
    ["messages.0.content: Field required", message({ role: "user" })],
    ["messages.0.content: Field required", message({ role: "user", output_config: { effort: "low" } })],
    ["messages.1.content: Field required", { messages: [...BASE.messages, { role: "system", output_config: null }] }],
    ["messages.0.content: Input should be a valid list", message({ role: "user", content: 5 })],
    ["messages.0.content: Input should be a valid list", message({ role: "user", content: { type: "text" } })],
    ["messages.1.content: Field required", { messages: [...BASE.messages, { role: "assistant" }] }],
    [`messages.0.content.0: ${EXPECTED_OBJECT}`, block("Hi")],
    ["messages.0.content.0.type: Field required", block({ text: "Hi" })],
    ["messages.0.content.0.type: Input should be a valid string", block({ type: 5 })],
    ["messages.0.content.0.text.text: Field required", block({ type: "text" })],
    ["messages.0.content.0.text.text: Input should be a valid string", block({ type: "text", text: 5 })],
    ["messages.0.content.0.image.source: Field required", block({ type: "image" })],
    [`messages.0.content.0.image.source: ${EXPECTED_OBJECT}`, block({ type: "image", source: "x" })],
    ["messages.0.content.0.image.source.type: Field required", block({ type: "image", source: {} })],
    ["messages.0.content.0.document.source: Field required", block({ type: "document" })],
    ["messages.0.content.0.thinking.signature: Field required", block({ type: "thinking", thinking: "Hm" })],
    ["messages.0.content.0.thinking.thinking: Field required", block({ type: "thinking", signature: "" })],
    [
      "messages.0.content.0.thinking.signature: Input should be a valid string",
      block({ type: "thinking", thinking: "Hm", signature: 5 }),
    ],
    ["messages.0.content.0.redacted_thinking.data: Field required", block({ type: "redacted_thinking" })],
    ["messages.0.content.0.tool_use.id: Field required", block({ type: "tool_use", name: "look", input: {} })],
    ["messages.0.content.0.tool_use.name: Field required", block({ type: "tool_use", id: "a", input: {} })],
    ["messages.0.content.0.tool_use.input: Field required", block({ type: "tool_use", id: "a", name: "look" })],
    [
      `messages.0.content.0.tool_use.input: ${EXPECTED_OBJECT}`,
      block({ type: "tool_use", id: "a", name: "look", input: "{}" }),
    ],
    ["messages.0.content.0.tool_result.tool_use_id: Field required", block({ type: "tool_result" })],
    [`tools.0: ${EXPECTED_OBJECT}`, { tools: ["look"] }],
    [`tool_choice: ${EXPECTED_OBJECT}`, { tool_choice: "auto" }],
    ["tool_choice.type: Field required", { tool_choice: {} }],
    [`thinking: ${EXPECTED_OBJECT}`, { thinking: true }],
    ["thinking.type: Field required", { thinking: { budget_tokens: 1024 } }],
    [
      "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
      {
        messages: [
          ...BASE.messages,
          { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input: {} }] },
        ],
      },
    ],
  ])("%j for %j", (expected, change) => {
    const parse = () => parseCountTokensRequest({ ...BASE, ...change }, OVERLAID);
    expect(parse).toThrow(expect.objectContaining({ status: 400, type: "invalid_request_error", message: expected }));
  });
});

describe("parseCountTokensRequest accepts", () => {
  it.each<[string, object]>([
    ["a text", {}],
    ["a block of unknown type", block({ type: "brand_new", anything: [1] })],
    [
      "a system message without content in mid-conversation",
      { messages: [...BASE.messages, { role: "system", output_config: {} }] },
    ],
    ["optional fields that are null", { system: null, tools: null, thinking: null, tool_choice: null }],
  ])("%s", (_what, change) => {
    const body = { ...BASE, ...change };
    expect(parseCountTokensRequest(body, OVERLAID)).toBe(body);
  });
});

describe("for a request that is counted as its client wrote it", () => {
  const parse = (change: object) => parseCountTokensRequest({ ...BASE, ...change }, { ...OVERLAID, isRewritten: true });

  it.each([
    { max_tokens: 1, stream: true, brand_new: {} },
    { system: [{ type: "image" }], tools: [null], tool_choice: "any", output_config: [] },
    { messages: [{ role: "system", content: 1 }, { role: "user" }] },
  ])("upstream judges %o", (change) => {
    expect(parse(change)).toEqual({ ...BASE, ...change });
  });

  it("parseCountTokensRequest checks only what the server reads", () => {
    expect(() => parse({ model: undefined })).toThrow("model: Field required");
    expect(() => parse({ messages: [null] })).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => parse({ messages: [] })).toThrow("messages: at least one message is required");
  });
});
