import {
  eventsFor,
  failure,
  pacedReply,
  type Reply,
  reply,
  type StreamEvent,
  text,
  thinking,
  toolUse,
} from "./replies.ts";

/** A named answer of upstream. */
export type OddAnswer = [name: string, answer: () => Reply];

const invalid = (message: string): OddAnswer => [
  `400 ${message.slice(0, 90)}`,
  () => failure(400, "invalid_request_error", message),
];

/** Refusals of a capability, which the CLI then omits until it is restarted. */
const CAPABILITIES: OddAnswer[] = [
  "This model does not support the effort parameter.",
  "output_config.effort: Extra inputs are not permitted",
  "output_config: Extra inputs are not permitted",
  "Unexpected value(s) `effort-2025-11-24` for the `anthropic-beta` header. Please consult our documentation at platform.claude.com/docs or try again without the header.",
  "Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header.",
  "Unexpected value(s) `probe-beta-2026-01-01` for the `anthropic-beta` header.",
  "Unexpected value(s) `claude-code-20250219` for the `anthropic-beta` header.",
  "Unexpected value(s) `fallback-credit-2026-06-01` for the `anthropic-beta` header.",
  "Unexpected value(s) `interleaved-thinking-2025-05-14` for the `anthropic-beta` header.",
  "Unexpected value(s) `context-management-2025-06-27`, `effort-2025-11-24` for the `anthropic-beta` header.",
  "invalid beta flag",
  "The long context beta is not yet available for this subscription.",
  "output_config.format: Extra inputs are not permitted",
  "output_format: Extra inputs are not permitted",
  "tools.0.custom.strict: Extra inputs are not permitted",
  "tools.0.custom.eager_input_streaming: Extra inputs are not permitted",
  "tools.0.custom.defer_loading: Extra inputs are not permitted",
  "context_management: Extra inputs are not permitted",
  "thinking.adaptive.display: Input should be 'omitted' or 'summarized'",
  "thinking.type: adaptive thinking is not supported on this model",
  'thinking.type: "enabled" is not supported for this model. Use "thinking.type.adaptive" instead.',
  "thinking: Input tag 'adaptive' found using 'type' does not match any of the expected tags: 'disabled', 'enabled'",
  "messages.0.content.0.text.cache_control: Extra inputs are not permitted",
  "system.2.cache_control.ttl: Extra inputs are not permitted",
  "system.1.cache_control.ephemeral.scope: Extra inputs are not permitted",
  "messages.1.role: Input should be 'user' or 'assistant'",
  'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter.',
  "role 'system' is not supported on this model",
  "metadata.user_id: Extra inputs are not permitted",
  "temperature: Extra inputs are not permitted",
  "`temperature` is deprecated for this model.",
  "Invalid effort level",
  "output_config.effort: Input should be 'low', 'medium' or 'high'",
  "messages.0.output_config: Extra inputs are not permitted",
  "speed: Extra inputs are not permitted",
  "fallbacks: Extra inputs are not permitted",
  "safeguards: Extra inputs are not permitted",
  "messages.0.content.0: Invalid `signature` in `thinking` block",
  "messages.0.content.0.thinking.signature: Field required",
  "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
  "This organization has disabled the web search tool.",
  "capability_rejected: effort_unsupported",
  "capability_rejected: structured_outputs_unsupported",
  "capability_rejected: thinking_type:adaptive",
  "capability_rejected: thinking_type:enabled",
  "capability_rejected: thinking_signature",
  "capability_rejected: mid_conv_system",
  "capability_rejected: cache_control_field",
  "capability_rejected: image_block",
  "capability_rejected: document_block",
  "capability_rejected: media_budget",
  "capability_rejected: prompt_too_long",
  "capability_rejected: max_tokens_context_overflow",
  "capability_rejected: beta_header:effort-2025-11-24",
  "capability_rejected: beta_header:probe-beta-2026-01-01",
].map(invalid);

/** Errors of a single request. */
const MISTAKES: OddAnswer[] = [
  "foo: Extra inputs are not permitted",
  "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-5",
  "prompt is too long: 213462 tokens > 200000 maximum",
  "input length and `max_tokens` exceed context limit: 199999 + 32000 > 200000, decrease input length or `max_tokens` and try again",
  "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
  "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9.",
  "messages.1.content.1: `tool_use` ids must be unique",
  "messages: at least one message is required",
  "messages: text content blocks must be non-empty",
  "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 6096280 bytes > 5242880 bytes",
  "messages.0.content.0.image.source.base64.data: At least one of the image dimensions exceed max allowed size: 8000 pixels",
  "Could not process image",
  "Could not process PDF",
  "A maximum of 100 PDF pages may be provided.",
  "A maximum of 4 blocks with cache_control may be provided. Found 5.",
  "tools: Tool names must be unique.",
  "tool_choice.any may only be specified while providing tools",
  "`max_tokens` must be greater than `thinking.budget_tokens`.",
  "This model does not support assistant message prefill. The conversation must end with a user message.",
  "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
  "This request would exceed your account's rate limit",
  "Output blocked by content filtering policy",
].map(invalid);

const OTHER_STATUSES: OddAnswer[] = (
  [
    [401, "authentication_error", "invalid x-api-key"],
    [401, "authentication_error", "OAuth token has expired."],
    [402, "billing_error", "Your credit balance is too low"],
    [403, "permission_error", "Your API key does not have permission to use the specified resource"],
    [403, "permission_error", "OAuth token has been revoked"],
    [403, "permission_error", "This organization has been disabled."],
    [404, "not_found_error", "model: claude-nothing-9"],
    [404, "not_found_error", "File `file_x` not found."],
    [405, "invalid_request_error", "Method Not Allowed"],
    [408, "timeout_error", "Request timed out"],
    [409, "conflict_error", "Conflict"],
    [413, "request_too_large", "Request exceeds the maximum size"],
    [413, "request_too_large", "Prompt is too long"],
    [415, "invalid_request_error", "request body encoding is not supported"],
    [422, "invalid_request_error", "output_config.effort: Extra inputs are not permitted"],
    [422, "invalid_request_error", "Unprocessable"],
    [429, "rate_limit_error", "Number of requests has exceeded your per-minute rate limit"],
    [429, "rate_limit_error", "Extra usage is required for long context requests."],
    [429, "rate_limit_error", "Fast mode is not available"],
    [451, "policy_blocked", "Blocked by policy"],
    [500, "api_error", "Internal server error"],
    [502, "api_error", "Bad gateway"],
    [503, "api_error", "Service unavailable"],
    [504, "timeout_error", "The request timed out"],
    [529, "overloaded_error", "Overloaded"],
    [529, "overloaded_error", "Opus is experiencing high load, please use /model to switch to Sonnet"],
  ] as const
).map(([status, type, message]) => [`${status} ${message}`, () => failure(status, type, message)]);

const hour = () => String(Math.floor(Date.now() / 1000) + 3600);
const unified = (status: string): Record<string, string> => ({
  "anthropic-ratelimit-unified-status": status,
  "anthropic-ratelimit-unified-reset": hour(),
  "anthropic-ratelimit-unified-representative-claim": "five_hour",
  "anthropic-ratelimit-unified-fallback": "available",
  "anthropic-ratelimit-unified-fallback-percentage": "0.5",
  "anthropic-ratelimit-unified-overage-status": status === "rejected" ? "rejected" : "allowed",
  "anthropic-ratelimit-unified-overage-disabled-reason": "out_of_credits",
  "anthropic-ratelimit-unified-overage-in-use": "true",
  "anthropic-ratelimit-unified-5h-utilization": "1.02",
  "anthropic-ratelimit-unified-5h-reset": hour(),
  "anthropic-ratelimit-unified-7d-utilization": "0.99",
  "anthropic-ratelimit-unified-7d-reset": hour(),
});
const HEADERS: Record<string, Record<string, string>> = {
  "limits of a key": {
    "retry-after": "17",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:00Z",
  },
  "unified limits allowed": unified("allowed"),
  "unified limits nearly used": unified("allowed_warning"),
  "unified limits used up": unified("rejected"),
  "x-should-retry": { "x-should-retry": "true", "retry-after": "0" },
  cookies: {
    "set-cookie": "session=1; Path=/",
    "anthropic-organization-id": "org",
    "cf-ray": "1-FRA",
    via: "1.1 proxy",
  },
  "a gateway": { server: "litellm", "x-litellm-version": "1", "helicone-id": "1", "x-portkey-trace-id": "1" },
};
const WITH_HEADERS: OddAnswer[] = Object.entries(HEADERS).flatMap(([name, headers]): OddAnswer[] => [
  [`a good answer with headers: ${name}`, () => reply([text("x")], {}, headers)],
  [`a 429 with headers: ${name}`, () => failure(429, "rate_limit_error", "Too many", headers)],
  [`a 529 with headers: ${name}`, () => failure(529, "overloaded_error", "Overloaded", headers)],
]);

const details = (category: string) => ({ type: "refusal", category, explanation: "x" });
const STOPS: OddAnswer[] = [
  ...["end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "compaction"].map(
    (stop_reason): OddAnswer => [`stop_reason ${stop_reason}`, () => reply([text("x")], { stop_reason })],
  ),
  ...["model_context_window_exceeded", "something_new", "sensitive"].map(
    (stop_reason): OddAnswer => [`stop_reason ${stop_reason}`, () => reply([text("x")], { stop_reason })],
  ),
  ["a refusal without content", () => reply([], { stop_reason: "refusal", stop_details: details("cyber") })],
  ["a refusal with a category", () => reply([text("x")], { stop_reason: "refusal", stop_details: details("bio") })],
  [
    "a refusal with a credit",
    () => {
      const stop_details = {
        ...details("cyber"),
        fallback_credit_token: "credit",
        recommended_model: "claude-opus-4-8",
      };
      return reply([], { stop_reason: "refusal", stop_details });
    },
  ],
];

const begun = (count: number) => [...eventsFor([thinking("Hm"), text("one two three")])].slice(0, count);
const event = (type: string, message: string): StreamEvent => ({ type: "error", error: { type, message } });
const OVERLOADED = event("overloaded_error", "Overloaded");
const STREAMS: OddAnswer[] = [
  ["no content", () => reply([])],
  ["an empty text", () => reply([text("")])],
  ["an unknown tool", () => reply([toolUse("unheard_of", { a: 1 })])],
  ["an error event first", () => pacedReply([OVERLOADED])],
  ["an error event in a block", () => pacedReply([...begun(5), OVERLOADED])],
  ["an error event after a block", () => pacedReply([...begun(6), OVERLOADED])],
  [
    "an error event about effort",
    () => pacedReply([event("invalid_request_error", "This model does not support the effort parameter.")]),
  ],
  ["a cut before the first event", () => pacedReply(["cut"])],
  ["a cut in a block", () => pacedReply([...begun(5), "cut"])],
  ["a stream that ends early", () => pacedReply(begun(5))],
  ["a stream without events", () => pacedReply([])],
  ["a hang-up", () => ({ hangUp: true })],
  ["a web page", () => ({ status: 200, plain: "<html><title>Sign in</title></html>" })],
  ["a web page as 502", () => ({ status: 502, plain: "<html><title>Bad gateway</title></html>" })],
  ["400 without an envelope", () => ({ status: 400, plain: "Bad Request" })],
  ["400 without a body", () => ({ status: 400, plain: "" })],
  ["404 without a body", () => ({ status: 404, plain: "" })],
  ["413 without an envelope", () => ({ status: 413, plain: "<html>too large</html>" })],
  [
    "unknown events",
    () => pacedReply([...begun(2), { type: "something_new", index: 0 }, ...[...eventsFor([text("x")])].slice(2)]),
  ],
  [
    "a fallback to another model",
    () =>
      reply(
        [
          {
            type: "fallback",
            from: { model: "claude-opus-5-5" },
            to: { model: "claude-opus-4-8" },
            trigger: "refusal",
          },
          text("x"),
        ],
        { model: "claude-opus-4-8" },
      ),
  ],
  ["another model", () => reply([text("x")], { model: "claude-haiku-4-5-20251001" })],
  ["a container", () => reply([text("x")], { usage: { service_tier: "priority", speed: "fast" } })],
];

const used = (name: string, usage: Record<string, unknown>): OddAnswer => [
  `usage ${name}`,
  () => reply([text("x")], { usage }),
];
const USAGES: OddAnswer[] = [
  used("near the window", { input_tokens: 990_000, output_tokens: 9000 }),
  used("of 1e8", { input_tokens: 1e8, output_tokens: 9000 }),
  used("over 1e9", { input_tokens: 2e9, output_tokens: 9000 }),
  used("over 1e9 in the cache", { input_tokens: 1, cache_read_input_tokens: 3e9, output_tokens: 1 }),
  used("over 1e15", { input_tokens: 2e15, output_tokens: 1 }),
  used("of zero", { input_tokens: 0, output_tokens: 0 }),
  used("below zero", { input_tokens: -5, output_tokens: -1 }),
  used("of searches", { server_tool_use: { web_search_requests: 99, web_fetch_requests: 3 } }),
  used("null", { input_tokens: null, cache_read_input_tokens: null }),
];

/** Answers after which a worker is replaced on any transport, because their effects are unknown. */
export const UNKNOWN_STOPS = /^stop_reason (something_new|sensitive)/;

/**
 * Answers after which an overlay worker may be replaced: the CLI repeats the call without what was rejected, or the
 * stop reason is unknown. After any other it serves again.
 */
export const COSTS_A_WORKER =
  /^4\d\d (This model does not support the effort|output_config|Unexpected value|invalid beta flag|The long context beta|thinking\.type|messages\.1\.role|role 'system'|capability_rejected)|^401 |^stop_reason (something_new|sensitive)/;

/** Every kind of answer that might change the CLI. */
export const ODD_ANSWERS: OddAnswer[] = [
  ...CAPABILITIES,
  ...MISTAKES,
  ...OTHER_STATUSES,
  ...WITH_HEADERS,
  ...STOPS,
  ...STREAMS,
  ...USAGES,
];
