import { describe, expect, it } from "vitest";
import { MAX_DEPTH } from "../../../src/api/depth.ts";
import { parseMessagesRequest } from "../../../src/api/messagesRequest.ts";
import { API_VERSIONS, type ApiVersion } from "../../../src/api/versionRules.ts";

const DICTIONARY = "Input should be a valid dictionary or object to extract fields from";
const BASE = { model: "sonnet", max_tokens: 10, messages: [{ role: "user", content: "Hi" }] };
const marked = (text: string) => ({ type: "text", text, cache_control: { type: "ephemeral" } });
const block = (content: unknown) => ({ messages: [{ role: "user", content: [content] }] });
const message = (value: unknown) => ({ messages: [value] });

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function refusalOf(body: unknown, version: ApiVersion = "2023-06-01") {
  try {
    parseMessagesRequest(body, version);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("parseMessagesRequest refuses", () => {
  it.each<[string, object]>([
    ["model: Field required", { model: undefined }],
    ["model: Input should be a valid string", { model: 5 }],
    ["model: Input should be a valid string", { model: null }],
    ["model: String should have at least 1 character", { model: "" }],
    ["max_tokens: Field required", { max_tokens: undefined }],
    ["max_tokens: Input should be a valid integer", { max_tokens: 1.5 }],
    ["max_tokens: Input should be a valid integer", { max_tokens: "100" }],
    ["max_tokens: Input should be a valid integer", { max_tokens: null }],
    ["max_tokens: Input should be a valid integer", { max_tokens: 1e300 }],
    ["max_tokens: Input should be greater than or equal to 0", { max_tokens: -1 }],
    ["messages: Field required", { messages: undefined }],
    ["messages: Input should be a valid list", { messages: "Hi" }],
    ["messages: at least one message is required", { messages: [] }],
    [`messages.0: ${DICTIONARY}`, message("Hi")],
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
    [`messages.0.content.0: ${DICTIONARY}`, block("Hi")],
    ["messages.0.content.0.type: Field required", block({ text: "Hi" })],
    ["messages.0.content.0.type: Input should be a valid string", block({ type: 5 })],
    ["messages.0.content.0.text.text: Field required", block({ type: "text" })],
    ["messages.0.content.0.text.text: Input should be a valid string", block({ type: "text", text: 5 })],
    ["messages.0.content.0.image.source: Field required", block({ type: "image" })],
    [`messages.0.content.0.image.source: ${DICTIONARY}`, block({ type: "image", source: "x" })],
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
      `messages.0.content.0.tool_use.input: ${DICTIONARY}`,
      block({ type: "tool_use", id: "a", name: "look", input: "{}" }),
    ],
    ["messages.0.content.0.tool_result.tool_use_id: Field required", block({ type: "tool_result" })],
    ["system: Input should be a valid list", { system: 5 }],
    ["system: Input should be a valid list", { system: { type: "text", text: "Be brief." } }],
    [`system.0: ${DICTIONARY}`, { system: ["Be brief."] }],
    ["system.0.text: Field required", { system: [{ type: "text" }] }],
    ["system.0.text: text content blocks must be non-empty", { system: [{ type: "text", text: "" }] }],
    ["system.0.type: Input should be 'text'", { system: [{ type: "image", source: { type: "url", url: "x" } }] }],
    [
      "system.0.cache_control.ttl: Input should be '5m' or '1h'",
      { system: [{ type: "text", text: "a", cache_control: { type: "ephemeral", ttl: "2h" } }] },
    ],
    [
      "system.0.cache_control.type: Input should be 'ephemeral'",
      { system: [{ type: "text", text: "a", cache_control: { type: "lasting" } }] },
    ],
    ["betas: Extra inputs are not permitted", { betas: ["context-1m-2025-08-07"] }],
    ["user_profile_id: Extra inputs are not permitted", { user_profile_id: "p" }],
    [
      "mcp_servers: not supported by this server, since Claude Code reads no calls of theirs",
      { mcp_servers: [{ type: "url", url: "https://example.com/mcp", name: "m" }] },
    ],
    ["max_tokens: 0 is not allowed with stream", { max_tokens: 0, stream: true }],
    [
      "max_tokens: 0 is not allowed with thinking",
      { max_tokens: 0, thinking: { type: "enabled", budget_tokens: 1024 } },
    ],
    [
      "max_tokens: 0 is not allowed with a tool_choice that forces a tool",
      { max_tokens: 0, tool_choice: { type: "any" } },
    ],
    [
      "max_tokens: 0 is not allowed with a format of the output",
      { max_tokens: 0, output_config: { format: { type: "json_schema", schema: {} } } },
    ],
    ["system.1.type: Field required", { system: [{ type: "text", text: "a" }, {}] }],
    ["stream: Input should be a valid boolean", { stream: "yes" }],
    ["stream: Input should be a valid boolean", { stream: 1 }],
    ["stop_sequences: Input should be a valid list", { stop_sequences: "END" }],
    ["stop_sequences.1: Input should be a valid string", { stop_sequences: ["END", 1] }],
    ["stop_sequences: each stop sequence must contain non-whitespace", { stop_sequences: ["END", " \n"] }],
    ["temperature: range: 0..1", { temperature: 1.1 }],
    ["temperature: range: 0..1", { temperature: -0.1 }],
    ["temperature: Input should be a valid number", { temperature: "hot" }],
    ["top_p: range: 0..1", { top_p: 2 }],
    ["top_k: Input should be greater than or equal to 0", { top_k: -1 }],
    ["top_k: Input should be a valid integer", { top_k: 1.5 }],
    ["top_k: Input should be a valid integer", { top_k: "5" }],
    ["tools: Input should be a valid list", { tools: {} }],
    [`tools.0: ${DICTIONARY}`, { tools: ["look"] }],
    [`tool_choice: ${DICTIONARY}`, { tool_choice: "auto" }],
    ["tool_choice.type: Field required", { tool_choice: {} }],
    [`thinking: ${DICTIONARY}`, { thinking: true }],
    ["thinking.type: Field required", { thinking: { budget_tokens: 1024 } }],
    [`output_config: ${DICTIONARY}`, { output_config: "high" }],
    [`metadata: ${DICTIONARY}`, { metadata: "me" }],
    ["metadata.user_id: Input should be a valid string", { metadata: { user_id: 5 } }],
    ["metadata.user_id: String should have at most 512 characters", { metadata: { user_id: "x".repeat(513) } }],
    [
      "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
      {
        messages: [
          ...BASE.messages,
          { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input: {} }] },
        ],
      },
    ],
    [
      "A maximum of 4 blocks with cache_control may be provided. Found 5.",
      { ...message({ role: "user", content: ["a", "b", "c", "d"].map(marked) }), system: [marked("Be brief.")] },
    ],
  ])("%j for %j", (expected, change) => {
    const refusal = refusalOf({ ...BASE, ...change });
    expect(refusal).toMatchObject({ status: 400, type: "invalid_request_error", message: expected });
  });

  it.each([undefined, null, 5, "text", true, [[BASE]]].map((body) => [body]))("a body that is %j", (body) => {
    expect(refusalOf(body)).toMatchObject({ status: 400, message: DICTIONARY });
  });

  it("nesting beyond the bound, however deep", () => {
    const expected = { status: 400, message: `The request body is nested deeper than ${MAX_DEPTH} levels.` };
    for (const levels of [MAX_DEPTH, 100_000]) {
      expect(refusalOf({ ...BASE, foo: nested(levels) })).toMatchObject(expected);
    }
  });

  it("the first trouble in the order of the API's own fields", () => {
    expect(refusalOf({ max_tokens: 1.5, messages: [] })).toMatchObject({ message: "model: Field required" });
  });

  it("a thread, with the code that lets the SDKs fall back", () => {
    expect(refusalOf({ ...BASE, thread: { type: "continue", previous_message_id: "msg_1" } })).toMatchObject({
      status: 400,
      type: "invalid_request_error",
      details: { error_code: "thread_unsupported_request", unsupported: ["thread"] },
    });
  });

  it.each(["temperature", "top_p", "top_k"])("%s in the newest version alone, whatever its value", (field) => {
    for (const value of [1, 0, null]) {
      const body = { ...BASE, [field]: value };
      const expected = { status: 400, message: `${field}: Extra inputs are not permitted` };
      expect(refusalOf(body, "2026-10-21")).toMatchObject(expected);
      expect(parseMessagesRequest(body, "2023-06-01")).toBe(body);
    }
  });
});

describe("the newest version alone refuses", () => {
  const document = { type: "document", source: { type: "text", media_type: "text/plain", data: "x" } };
  const cited = { type: "text", text: "x", citations: [{ type: "char_location", cited_text: "x" }] };
  const found = { type: "search_result", source: "s", title: "t", content: [{ type: "text", text: "a" }, cited] };
  const conversation = (...messages: object[]) => ({ ...BASE, messages: [...BASE.messages, ...messages] });

  it.each([
    [
      "messages.1.content.1: document blocks are not permitted in assistant messages",
      conversation({ role: "assistant", content: [{ type: "text", text: "x" }, document] }),
    ],
    [
      "messages.1.content.0.text.citations: Extra inputs are not permitted",
      conversation({ role: "user", content: [cited] }),
    ],
    [
      "messages.1.content.0.search_result.content.1.text.citations: Extra inputs are not permitted",
      conversation({ role: "user", content: [found] }),
    ],
  ])("%s", (message, body) => {
    expect(refusalOf(body, "2026-10-21")).toMatchObject({ status: 400, type: "invalid_request_error", message });
    expect(parseMessagesRequest(body, "2023-06-01")).toBe(body);
  });

  it.each([
    conversation({ role: "assistant", content: [cited] }),
    conversation({
      role: "user",
      content: [
        { ...document, citations: { enabled: true } },
        { ...cited, citations: [] },
      ],
    }),
    conversation(
      { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: [document] }] },
    ),
  ])("nothing of %j", (body) => {
    expect(parseMessagesRequest(body, "2026-10-21")).toBe(body);
  });
});

describe("parseMessagesRequest accepts", () => {
  const everything = {
    foo: "unknown",
    ...{ messages: BASE.messages, max_tokens: 0, model: "sonnet" },
    ...{ stream: false, stop_sequences: [], tools: [], tool_choice: { type: "none" }, system: "Be brief." },
    ...{ thinking: { type: "adaptive", display: "updates" }, output_config: { effort: "high", format: null } },
    ...{ metadata: { user_id: null }, context_management: { edits: [] }, thread: null },
  };

  it.each(API_VERSIONS)("under %s everything it need not judge, and returns the very same object", (version) => {
    const before = JSON.stringify(everything);
    expect(parseMessagesRequest(everything, version)).toBe(everything);
    expect(JSON.stringify(everything)).toBe(before);
  });

  it.each<[string, object]>([
    ["optional fields that are null", { system: null, stream: null, tools: null, thinking: null, metadata: null }],
    ["sampling at the ends of its ranges", { temperature: 0, top_p: 1, top_k: 0 }],
    ["a conversation that the assistant begins", message({ role: "assistant", content: "Hi" })],
    ["an empty content", { messages: [...BASE.messages, { role: "assistant", content: [] }] }],
    [
      "messages of one role in a row, and a system message among them",
      { messages: [...BASE.messages, ...BASE.messages, { role: "system", content: "Be brief." }] },
    ],
    ["blocks of unknown type", block({ type: "brand_new", anything: [1] })],
    ["a block type that is the name of something else", block({ type: "constructor" })],
    ["a block type that is the name of something else", block({ type: "__proto__" })],
    ["nesting up to the bound", { foo: nested(MAX_DEPTH - 1) }],
    [
      "replayed blocks with every field they came with",
      {
        messages: [
          ...BASE.messages,
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "", signature: "" },
              { type: "text", text: "Hm", citations: null },
              { type: "tool_use", id: "a", name: "look", input: {}, caller: { type: "direct" }, toolset_name: null },
            ],
          },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "a" }] },
        ],
      },
    ],
    ["four cache marks", { system: [marked("a")], ...message({ role: "user", content: ["b", "c", "d"].map(marked) }) }],
  ])("%s", (_what, change) => {
    const body = { ...BASE, ...change };
    expect(parseMessagesRequest(body, "2023-06-01")).toBe(body);
  });
});
