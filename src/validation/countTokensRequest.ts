import { z } from "zod";
import { invalidRequest } from "../api/errors.ts";
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

/** Required fields by block type. Upstream cannot check them, because an overlay count splits the conversation. */
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
    // the API puts the block's type into the path, although it is not a key: a symbol marks it
    context.addIssue({ ...issue, path: [Symbol(value.type), ...issue.path] } as Parameters<typeof context.addIssue>[0]);
  }
});

/** A system message may lack content and set options for later turns (SDK: `BetaSystemMessageParam`). */
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

const schema = z.looseObject({
  model: modelField,
  messages: listOf(message),
  system: systemField,
  tools: listOf(z.looseObject({})).nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  thinking: z.looseObject({ type: z.string() }).nullish(),
  output_config: outputConfigField,
});

export type CountTokensRequest = z.infer<typeof schema>;

/** Allowed besides the schema's fields (SDK: `MessageCountTokensParams`, betas included). */
const OTHER_FIELDS = ["cache_control", "context_management", "mcp_servers", "output_format", "speed", "thread"];
const ALLOWED_FIELDS = new Set([...Object.keys(schema.shape), ...OTHER_FIELDS]);

/** Rejects fields that do not add to the input, such as `max_tokens`. */
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
