/** A body of `POST /v1/messages`, as far as tests look at it. */
export interface Requested {
  model: string;
  max_tokens: number;
  messages: unknown[];
  system?: string | { text: string; cache_control?: unknown }[];
  [field: string]: unknown;
}

const MODEL = "claude-sonnet-5-5";
/** A PNG of one pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF = "JVBERi0xLjQKJSVFT0YK";
const EPHEMERAL = { type: "ephemeral" };

const LOOK = {
  name: "look",
  description: "Looks at a place",
  input_schema: { type: "object", properties: { at: { type: "string" } }, required: ["at"] },
};

const request = (more: object = {}): Requested => ({
  model: MODEL,
  max_tokens: 4000,
  messages: [{ role: "user", content: "Hello" }],
  ...more,
});
const asking = (...content: object[]): Requested => request({ messages: [{ role: "user", content }] });
const conversation = (...messages: object[]): Requested => request({ messages });
const call = (id: string, more: object = {}) => ({
  type: "tool_use",
  id,
  name: "look",
  input: { at: "home" },
  ...more,
});
const result = (id: string, more: object = {}) => ({ type: "tool_result", tool_use_id: id, ...more });
const said = (text: string, more: object = {}) => ({ type: "text", text, ...more });
const image = (more: object = {}) => ({
  type: "image",
  source: { type: "base64", media_type: "image/png", data: PIXEL },
  ...more,
});

/** A tool call and its result. */
const round = (content: unknown, more: object = {}) =>
  conversation(
    { role: "user", content: "Look" },
    { role: "assistant", content: [call("toolu_1")] },
    { role: "user", content: [result("toolu_1", { content, ...more })] },
  );

/** Requests of every kind in the API's documentation and SDKs, by name. */
export const CORPUS: Record<string, Requested> = {
  "a string": request(),
  "a block": asking(said("Hello")),
  "several blocks": asking(said("One"), said("Two"), said("Three")),
  "text like the CLI's own": asking(
    said("/help @/etc/hostname !ls #memo\n/clear"),
    said("<system-reminder>x</system-reminder>"),
  ),
  "characters of every kind": asking(said("é \u2028\u2029\u0000\u0007\ufeff\u200d 😀 \ud83d \udc00 \\ \" ' ` \r\n\t")),
  "an image": asking(image(), said("What is it?")),
  "an image URL": asking(image({ source: { type: "url", url: "https://example.com/a.png" } })),
  "a document": asking({ type: "document", source: { type: "base64", media_type: "application/pdf", data: PDF } }),
  "a document of text": asking({
    type: "document",
    source: { type: "text", media_type: "text/plain", data: "Plain" },
    title: "Title",
    context: "Context",
    citations: { enabled: true },
  }),
  "a document of blocks": asking({ type: "document", source: { type: "content", content: [said("a"), image()] } }),
  "a search result": asking({
    type: "search_result",
    source: "https://example.com",
    title: "Found",
    content: [said("found")],
    citations: { enabled: true },
  }),
  "an unknown block type": asking({ type: "hologram", depth: [1, { x: null }] }, said("?")),
  "turns that alternate": conversation(
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
    { role: "user", content: "c" },
  ),
  "turns that do not alternate": conversation(
    { role: "user", content: "a" },
    { role: "user", content: "b" },
    { role: "assistant", content: "c" },
    { role: "assistant", content: [said("d")] },
    { role: "user", content: "e" },
  ),
  "a prefill": conversation({ role: "user", content: "List" }, { role: "assistant", content: "1." }),
  "an assistant turn first": conversation({ role: "assistant", content: "Hi" }, { role: "user", content: "Hello" }),
  "system messages in between": conversation(
    { role: "user", content: "a" },
    { role: "system", content: "Be brief from now on." },
    { role: "assistant", content: "b" },
    { role: "user", content: "c" },
    { role: "system", content: [said("And kind.")] },
  ),
  "a system prompt": request({ system: "Be brief." }),
  "a system prompt of blocks": request({ system: [said("Be brief."), said("Be kind.\n")] }),
  "a system prompt that is marked": request({
    system: [said("Be brief."), said("Long.", { cache_control: EPHEMERAL })],
  }),
  "a system prompt that is marked for an hour": request({
    system: [
      said("Be brief.", { cache_control: EPHEMERAL }),
      said("x", { cache_control: { ...EPHEMERAL, ttl: "1h" } }),
    ],
  }),
  "a system prompt like the CLI's own": request({
    system: "You are Claude Code, Anthropic's official CLI for Claude.",
  }),
  "a system prompt like a mark of the CLI's": request({ system: "__SYSTEM_PROMPT_DYNAMIC_BOUNDARY__" }),
  "a system prompt that begins like an attribution": request({ system: "x-anthropic-billing-header: a\nBe brief." }),
  "an attribution alone": request({ system: "x-anthropic-billing-header: a" }),
  "an empty system prompt": request({ system: "" }),
  "an empty list for a system prompt": request({ system: [] }),
  "a marked message": asking(said("Long", { cache_control: { type: "ephemeral", ttl: "1h" } }), said("Short")),
  "a mark at the top": request({ cache_control: EPHEMERAL }),
  "four marks": request({
    tools: [{ ...LOOK, cache_control: EPHEMERAL }],
    messages: [{ role: "user", content: ["a", "b", "c"].map((text) => said(text, { cache_control: EPHEMERAL })) }],
  }),
  "a tool": request({ tools: [LOOK] }),
  "tools with every field": request({
    tools: [
      { ...LOOK, type: "custom", strict: true, eager_input_streaming: true, input_examples: [{ at: "home" }] },
      { ...LOOK, name: "later", defer_loading: true, allowed_callers: ["direct"] },
    ],
    tool_choice: { type: "any", disable_parallel_tool_use: true },
  }),
  "tools of the API": request({
    tools: [
      { type: "bash_20250124", name: "bash" },
      { type: "text_editor_20250728", name: "str_replace_based_edit_tool" },
      { type: "web_search_20250305", name: "web_search", max_uses: 3, allowed_domains: ["example.com"] },
    ],
  }),
  "tools named as the CLI's own": request({
    tools: ["Bash", "Read", "Task", "WebSearch"].map((name) => ({ ...LOOK, name })),
  }),
  "no tools": request({ tools: [], tool_choice: { type: "none" } }),
  "a schema with keys of every kind": request({
    tools: [
      {
        ...LOOK,
        input_schema: { type: "object", properties: { constructor: {}, 1: {}, "": {}, "a.b": { $ref: "#/x" } } },
      },
    ],
  }),
  "a forced tool": request({ tools: [LOOK], tool_choice: { type: "tool", name: "look" } }),
  "a tool's result": round("seen"),
  "a result of blocks": round([said("seen"), image()]),
  "a failed result": round("not there", { is_error: true }),
  "an empty result": round(undefined),
  "several calls and results": conversation(
    { role: "user", content: "Look twice" },
    { role: "assistant", content: [said("Well"), call("toolu_1", { caller: { type: "direct" } }), call("toolu_2")] },
    { role: "user", content: [result("toolu_1", { content: "a" }), result("toolu_2", { content: [] }), said("so?")] },
  ),
  "tools of the server in the history": conversation(
    { role: "user", content: "Search" },
    {
      role: "assistant",
      content: [
        { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
        {
          type: "web_search_tool_result",
          tool_use_id: "srvtoolu_1",
          content: [{ type: "web_search_result", url: "u", title: "t", encrypted_content: "e" }],
        },
        said("Found", {
          citations: [
            { type: "web_search_result_location", url: "u", title: "t", encrypted_index: "i", cited_text: "c" },
          ],
        }),
      ],
    },
    { role: "user", content: "Thanks" },
  ),
  thinking: request({ thinking: { type: "enabled", budget_tokens: 1024 } }),
  "adaptive thinking": request({ thinking: { type: "adaptive", display: "summarized" } }),
  "no thinking": request({ thinking: { type: "disabled" } }),
  "thinking in the history": conversation(
    { role: "user", content: "a" },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm", signature: "c2ln" },
        { type: "redacted_thinking", data: "ZGF0YQ==" },
        said("b", { citations: null }),
      ],
    },
    { role: "user", content: "c" },
  ),
  "an effort": request({ output_config: { effort: "low" } }),
  "an effort for a model without one": request({
    model: "claude-haiku-4-5-20251001",
    output_config: { effort: "max" },
  }),
  "an output schema": request({
    output_config: {
      format: {
        type: "json_schema",
        schema: { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false },
      },
    },
  }),
  "an output schema and an effort": request({ output_config: { effort: "max", format: null } }),
  sampling: request({ temperature: 0.3, top_p: 0.9, top_k: 5 }),
  "top_p alone": request({ model: "claude-haiku-4-5-20251001", top_p: 0.9 }),
  "top_p with thinking": request({
    model: "claude-sonnet-4-5-20250929",
    top_p: 0.95,
    thinking: { type: "enabled", budget_tokens: 1024 },
  }),
  "temperature 0": request({ temperature: 0 }),
  "stop sequences": request({ stop_sequences: ["END", "\n\nHuman:", "é😀"] }),
  "no stop sequences": request({ stop_sequences: [] }),
  "a user": request({ metadata: { user_id: JSON.stringify({ device_id: "d", session_id: "s" }) } }),
  "service and place": request({ service_tier: "standard_only", inference_geo: "eu", container: null }),
  "a single token": request({ max_tokens: 1 }),
  "fields of betas": request({
    context_management: { edits: [{ type: "clear_tool_uses_20250919", keep: { type: "tool_uses", value: 3 } }] },
    mcp_servers: [],
    speed: "fast",
  }),
  "an unknown field": request({ foo: { bar: [1, 2.5, -0.001, 1e21, null, true] } }),
  "an alias": request({ model: "opus" }),
  "another alias": request({ model: "haiku" }),
  "another model": request({ model: "claude-haiku-4-5-20251001" }),
  "a model of the year before": request({ model: "claude-opus-4-6" }),
  "an old model": request({ model: "claude-opus-4-20250514" }),
  "what Claude Code sends": request({
    max_tokens: 64_000,
    system: [
      said("x-anthropic-billing-header: cc_version=1"),
      said("You are Claude Code."),
      said("Long.", { cache_control: EPHEMERAL }),
    ],
    thinking: { type: "adaptive", display: "updates" },
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
    output_config: { effort: "high" },
    metadata: { user_id: '{"device_id":"d","account_uuid":"","session_id":"s"}' },
    tools: [LOOK, { ...LOOK, name: "DeferredToolPlaceholder", defer_loading: true }],
    messages: [
      {
        role: "user",
        content: [said("<system-reminder>\nToday\n</system-reminder>"), said("Hi", { cache_control: EPHEMERAL })],
      },
      { role: "system", content: "The date has changed." },
    ],
  }),
};
