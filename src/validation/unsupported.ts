import { invalidRequest } from "../api/errors.ts";
import type { MessagesRequest } from "./messagesRequest.ts";

/** A field that upstream checks, so that it may have any shape here. */
type Typed = { type?: unknown } | null;

/** Not body fields, but the CLI's SDK would send them as headers instead of letting the API reject them. */
const SDK_HEADER_FIELDS = ["betas", "user_profile_id"];

/** Throws `ApiError` 400 for fields that the CLI would silently remove. */
export function rejectHeaderFields(body: Record<string, unknown>): void {
  const extraField = SDK_HEADER_FIELDS.find((name) => body[name] !== undefined);
  if (extraField) throw invalidRequest(`${extraField}: Extra inputs are not permitted`);
}

/** Throws `ApiError` 400 before the request costs anything: the CLI cannot read the answer. */
export function rejectMcpServers(request: MessagesRequest): void {
  const { mcp_servers } = request;
  if (Array.isArray(mcp_servers) && mcp_servers.length > 0) {
    throw invalidRequest("mcp_servers: not supported by this server, because Claude Code cannot read their calls");
  }
}

/** True for requests whose answers the API or the CLI does not stream, and which are sent without `stream`. */
export function isAnsweredAsJson({ max_tokens, mcp_servers }: Record<string, unknown>): boolean {
  return max_tokens === 0 || (Array.isArray(mcp_servers) && mcp_servers.length > 0);
}

/** Throws `ApiError` 400, which upstream cannot: the CLI's call does not stream here. */
export function rejectStreamedPrewarming({ max_tokens, stream }: MessagesRequest): void {
  if (max_tokens === 0 && stream) throw invalidRequest("max_tokens: 0 is not allowed with stream");
}

/**
 * Throws `ApiError` 400 for fields that do not go with `max_tokens: 0` (docs: "Prompt caching", pre-warming). Upstream
 * gets a 1 instead, so it cannot reject them.
 */
export function checkPrewarming(request: MessagesRequest): void {
  if (request.max_tokens !== 0) return;
  const { stream, output_config, output_format } = request;
  const { thinking, tool_choice } = request as { thinking?: Typed; tool_choice?: Typed };
  const conflicts = [
    [stream === true, "stream"],
    [thinking?.type === "enabled", "thinking"],
    [tool_choice?.type === "any" || tool_choice?.type === "tool", "a tool_choice that forces a tool"],
    [Boolean(output_config?.format ?? output_format), "a format of the output"],
  ] as const;
  const [, name] = conflicts.find(([given]) => given) ?? [];
  if (name) throw invalidRequest(`max_tokens: 0 is not allowed with ${name}`);
}
