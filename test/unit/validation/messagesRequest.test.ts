import { describe, expect, it } from "vitest";
import { MAX_DEPTH } from "../../../src/api/depth.ts";
import { parseMessagesRequest } from "../../../src/validation/messagesRequest.ts";
import { API_VERSIONS, type ApiVersion } from "../../../src/validation/versionRules.ts";

const EXPECTED_OBJECT = "Input should be a valid dictionary or object to extract fields from";
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
    parseMessagesRequest(body, { version, isRewritten: false });
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("parseMessagesRequest rejects", () => {
  it.each<[string, object]>([
    ["model: Field required", { model: undefined }],
    ["model: Input should be a valid string", { model: 5 }],
    ["model: Input should be a valid string", { model: null }],
    ["model: String should have at least 1 character", { model: "" }],
    ["max_tokens: Field required", { max_tokens: undefined }],
    ["messages: Field required", { messages: undefined }],
    ["messages: Input should be a valid list", { messages: "Hi" }],
    ["messages: at least one message is required", { messages: [] }],
    [`messages.0: ${EXPECTED_OBJECT}`, message("Hi")],
    ["system: Input should be a valid list", { system: 5 }],
    ["system: Input should be a valid list", { system: { type: "text", text: "Be brief." } }],
    [`system.0: ${EXPECTED_OBJECT}`, { system: ["Be brief."] }],
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
      "mcp_servers: not supported by this server, because Claude Code cannot read their calls",
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
    ["tools: Input should be a valid list", { tools: {} }],
    [`output_config: ${EXPECTED_OBJECT}`, { output_config: "high" }],
    [
      "A maximum of 4 blocks with cache_control may be provided. Found 5.",
      { ...message({ role: "user", content: ["a", "b", "c", "d"].map(marked) }), system: [marked("Be brief.")] },
    ],
  ])("%j for %j", (expected, change) => {
    const refusal = refusalOf({ ...BASE, ...change });
    expect(refusal).toMatchObject({ status: 400, type: "invalid_request_error", message: expected });
  });

  it.each([undefined, null, 5, "text", true, [[BASE]]].map((body) => [body]))("a body that is %j", (body) => {
    expect(refusalOf(body)).toMatchObject({ status: 400, message: EXPECTED_OBJECT });
  });

  it("nesting beyond the limit, however deep", () => {
    const expected = { status: 400, message: `The request body is nested deeper than ${MAX_DEPTH} levels.` };
    for (const levels of [MAX_DEPTH, 100_000]) {
      expect(refusalOf({ ...BASE, foo: nested(levels) })).toMatchObject(expected);
    }
  });

  it("the first wrong field in the API's order", () => {
    expect(refusalOf({ stream: 5, messages: [] })).toMatchObject({ message: "model: Field required" });
  });

  it("a thread, with the code that lets the SDKs fall back", () => {
    expect(refusalOf({ ...BASE, thread: { type: "continue", previous_message_id: "msg_1" } })).toMatchObject({
      status: 400,
      type: "invalid_request_error",
      details: { error_code: "thread_unsupported_request", unsupported: ["thread"] },
    });
  });

  it.each(["temperature", "top_p", "top_k"])("%s only in the newest version, whatever its value", (field) => {
    for (const value of [1, 0, null]) {
      const body = { ...BASE, [field]: value };
      const expected = { status: 400, message: `${field}: Extra inputs are not permitted` };
      expect(refusalOf(body, "2026-10-21")).toMatchObject(expected);
      expect(parseMessagesRequest(body, { version: "2023-06-01", isRewritten: false })).toBe(body);
    }
  });
});

describe("only the newest version rejects", () => {
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
    expect(parseMessagesRequest(body, { version: "2023-06-01", isRewritten: false })).toBe(body);
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
    expect(parseMessagesRequest(body, { version: "2026-10-21", isRewritten: false })).toBe(body);
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

  it.each(API_VERSIONS)("under %s everything that upstream checks, and returns the same object", (version) => {
    const before = JSON.stringify(everything);
    expect(parseMessagesRequest(everything, { version, isRewritten: false })).toBe(everything);
    expect(JSON.stringify(everything)).toBe(before);
  });

  it.each<[string, object]>([
    ["optional fields that are null", { system: null, stream: null, tools: null, thinking: null, metadata: null }],
    [
      "what upstream checks",
      { max_tokens: "1", top_p: -1, top_k: -1, stop_sequences: [""], metadata: 5, tools: [null] },
    ],
    ["messages that upstream checks", { messages: [{ role: 5, content: [null, "x", { type: 5 }] }, {}] }],
    ["too many cache breakpoints, if upstream gets them all", block({ content: Array(5).fill(marked("a")) })],
    ["a conversation that the assistant begins", message({ role: "assistant", content: "Hi" })],
    ["an empty content", { messages: [...BASE.messages, { role: "assistant", content: [] }] }],
    [
      "messages of one role in a row, and a system message among them",
      { messages: [...BASE.messages, ...BASE.messages, { role: "system", content: "Be brief." }] },
    ],
    ["blocks of unknown type", block({ type: "brand_new", anything: [1] })],
    ["a block type that names an object's property", block({ type: "constructor" })],
    ["a block type that names an object's property", block({ type: "__proto__" })],
    ["nesting up to the limit", { foo: nested(MAX_DEPTH - 1) }],
    [
      "replayed blocks with all their fields",
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
    [
      "four cache breakpoints",
      { system: [marked("a")], ...message({ role: "user", content: ["b", "c", "d"].map(marked) }) },
    ],
  ])("%s", (_what, change) => {
    const body = { ...BASE, ...change };
    expect(parseMessagesRequest(body, { version: "2023-06-01", isRewritten: false })).toBe(body);
  });
});
