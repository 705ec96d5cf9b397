import { z } from "zod";
import { invalidRequest } from "./errors.ts";
import {
  type CheckOptions,
  checkRequest,
  modelField,
  outputConfigField,
  rewrittenSchema,
  systemField,
} from "./messagesRequest.ts";
import { listOf, required } from "./shapes.ts";
import { checkToolPairing } from "./toolPairing.ts";

/**
 * Fields that every block of a type must have. A count takes the conversation apart and adds what the parts cost, so
 * upstream's counter never sees it whole, and cannot refuse it.
 */
const BLOCK_FIELDS: Record<string, z.ZodType> = {
  text: z.looseObject({ text: z.string() }),
  image: z.looseObject({ source: z.looseObject({ type: z.string() }) }),
  document: z.looseObject({ source: z.looseObject({ type: z.string() }) }),
  thinking: z.looseObject({ thinking: z.string(), signature: z.string() }),
  redacted_thinking: z.looseObject({ data: z.string() }),
  tool_use: z.looseObject({ id: z.string(), name: z.string(), input: z.looseObject({}) }),
  tool_result: z.looseObject({ tool_use_id: z.string() }),
};

const block = z.looseObject({ type: z.string() }).superRefine((value, context) => {
  const fields = Object.hasOwn(BLOCK_FIELDS, value.type) ? BLOCK_FIELDS[value.type] : undefined;
  for (const issue of fields?.safeParse(value).error?.issues ?? []) {
    // the API names a block's type in the path, though it is no key: a symbol tells the two apart
    context.addIssue({ ...issue, path: [Symbol(value.type), ...issue.path] } as Parameters<typeof context.addIssue>[0]);
  }
});

/** A system message may have no content, but a setting for the turns that follow (SDK: `BetaSystemMessageParam`). */
const message = z
  .looseObject({
    role: z.enum(["user", "assistant", "system"], { error: required("Input should be 'user' or 'assistant'") }),
    content: z.union([z.string(), listOf(block)]).optional(),
    output_config: z.looseObject({}).nullish(),
  })
  .refine(({ role, content, output_config }) => content !== undefined || (role === "system" && output_config), {
    path: ["content"],
    error: "Field required",
  });

/** The fields that make up the input of the model. */
const schema = z.looseObject({
  model: modelField,
  messages: listOf(message),
  system: systemField,
  tools: listOf(z.looseObject({})).nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  thinking: z.looseObject({ type: z.string() }).nullish(),
  output_config: outputConfigField,
});

/** The body of `POST /v1/messages/count_tokens`, checked. */
export type CountTokensRequest = z.infer<typeof schema>;

/** What a count takes besides the fields of the schema (SDK: `MessageCountTokensParams`, with those of the betas). */
const OTHER_FIELDS = ["cache_control", "context_management", "mcp_servers", "output_format", "speed", "thread"];
const ALLOWED_FIELDS = new Set([...Object.keys(schema.shape), ...OTHER_FIELDS]);

/**
 * As `parseMessagesRequest`, for a count; what has no bearing on the input, such as `max_tokens`, is refused. Of one that
 * goes up as its client wrote it, upstream judges all but what the server itself reads.
 */
export function parseCountTokensRequest(body: unknown, options: CheckOptions): CountTokensRequest {
  if (options.isRewritten) return checkRequest(body, options, rewrittenSchema as unknown as typeof schema);
  const request = checkRequest(body, options, schema);
  if (request.messages[0]?.role === "system") {
    throw invalidRequest("messages.0: use the top-level 'system' parameter for the initial system prompt");
  }
  checkToolPairing(request.messages);
  const extraField = Object.keys(request).find((field) => !ALLOWED_FIELDS.has(field));
  if (extraField !== undefined) throw invalidRequest(`${extraField}: Extra inputs are not permitted`);
  return request;
}
