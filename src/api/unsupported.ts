import { invalidRequest } from "./errors.ts";
import type { MessagesRequest } from "./messagesRequest.ts";

/** A field that upstream checks: it may be of any kind, or have no type. */
type Typed = { type?: unknown } | null;

/** Fields that no body has, but that the SDK inside the CLI would turn into headers before upstream can refuse them. */
const SDK_HEADER_FIELDS = ["betas", "user_profile_id"];

/** Throws `ApiError` 400 for what the CLI would take out of a body without a word. */
export function rejectHeaderFields(body: Record<string, unknown>): void {
  const extraField = SDK_HEADER_FIELDS.find((name) => body[name] !== undefined);
  if (extraField) throw invalidRequest(`${extraField}: Extra inputs are not permitted`);
}

/** Throws `ApiError` 400 for requests whose answers do not pass through the CLI, before they cost anything. */
export function rejectMcpServers(request: MessagesRequest): void {
  const { mcp_servers } = request;
  if (Array.isArray(mcp_servers) && mcp_servers.length > 0) {
    throw invalidRequest("mcp_servers: not supported by this server, since Claude Code reads no calls of theirs");
  }
}

/** Whether the request is answered as one JSON: what it asks for, the API or the CLI does not stream. */
export function isAnsweredAsJson({ max_tokens, mcp_servers }: Record<string, unknown>): boolean {
  return max_tokens === 0 || (Array.isArray(mcp_servers) && mcp_servers.length > 0);
}

/** Throws `ApiError` 400 where a stream is asked for that the API refuses: the CLI's call is none, so upstream cannot. */
export function rejectStreamedPrewarming({ max_tokens, stream }: MessagesRequest): void {
  if (max_tokens === 0 && stream) throw invalidRequest("max_tokens: 0 is not allowed with stream");
}

/**
 * Throws `ApiError` 400 where `max_tokens: 0`, which only fills the cache, is not allowed (docs: "Prompt caching",
 * pre-warming): upstream gets a 1 in its place and so cannot refuse it.
 */
export function checkPrewarming(request: MessagesRequest): void {
  if (request.max_tokens !== 0) return;
  const { stream, output_config, output_format } = request;
  const { thinking, tool_choice } = request as { thinking?: Typed; tool_choice?: Typed };
  const against = [
    [stream === true, "stream"],
    [thinking?.type === "enabled", "thinking"],
    [tool_choice?.type === "any" || tool_choice?.type === "tool", "a tool_choice that forces a tool"],
    [Boolean(output_config?.format ?? output_format), "a format of the output"],
  ] as const;
  const [, name] = against.find(([given]) => given) ?? [];
  if (name) throw invalidRequest(`max_tokens: 0 is not allowed with ${name}`);
}
