import type { z } from "zod";
import { invalidRequest } from "./errors.ts";
import { checkRequest, inputSchema } from "./messagesRequest.ts";
import type { ApiVersion } from "./versionRules.ts";

/** The body of `POST /v1/messages/count_tokens`, checked. */
export type CountTokensRequest = z.infer<typeof inputSchema>;

/** What a count takes besides the fields of the schema (SDK: `MessageCountTokensParams`, with those of the betas). */
const MORE = ["cache_control", "context_management", "mcp_servers", "output_format", "speed", "thread"];
const FIELDS = new Set([...Object.keys(inputSchema.shape), ...MORE]);

/** As `parseMessagesRequest`, for a count; what has no bearing on the input, such as `max_tokens`, is refused. */
export function parseCountTokensRequest(body: unknown, version: ApiVersion): CountTokensRequest {
  const request = checkRequest(body, version, inputSchema);
  const foreign = Object.keys(request).find((field) => !FIELDS.has(field));
  if (foreign !== undefined) throw invalidRequest(`${foreign}: Extra inputs are not permitted`);
  return request;
}
