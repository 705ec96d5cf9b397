import { z } from "zod";
import { isDeeperThan, MAX_DEPTH } from "../api/depth.ts";
import { invalidRequest } from "../api/errors.ts";
import { isObject } from "../api/isObject.ts";
import { breakpointsOutsideSystem, countBreakpoints, MAX_CACHE_BREAKPOINTS } from "./cacheBreakpoints.ts";
import { EXPECTED_OBJECT, issueMessage, unwrapUnion } from "./issueMessages.ts";
import { listOf, required } from "./shapes.ts";
import { checkPrewarming, rejectHeaderFields, rejectMcpServers, rejectStreamedPrewarming } from "./unsupported.ts";
import { type ApiVersion, rejectDroppedContent, rejectDroppedFields } from "./versionRules.ts";

/** Checked here, because the CLI passes on only the text of a block. */
const systemBlock = z.looseObject({
  type: z.literal("text", { error: required("Input should be 'text'") }),
  text: z.string().min(1, "text content blocks must be non-empty"),
  cache_control: z
    .looseObject({
      type: z.literal("ephemeral", { error: required("Input should be 'ephemeral'") }),
      ttl: z.enum(["5m", "1h"], { error: required("Input should be '5m' or '1h'") }).nullish(),
    })
    .nullish(),
});

/** Required here, because the CLI would fill in its default model. */
export const modelField = z.string().min(1, "String should have at least 1 character");

/** Checked here, because the CLI removes the system prompt from the body. */
export const systemField = z.union([z.string(), listOf(systemBlock)]).nullish();

/** The CLI fails on tools that are not a list. */
const toolsField = z.array(z.unknown()).nullish();

/** The CLI merges this with its own: a string becomes an object of its letters, an empty list disappears. */
export const outputConfigField = z.looseObject({}).nullish();

/**
 * For the overlay: only what the CLI would add, remove or fail on (shown in `test/contract/judged.test.ts`).
 * Everything else reaches upstream unchanged, and upstream rejects it.
 */
const schema = z.looseObject({
  model: modelField,
  // the CLI adds a missing one and passes on any value
  max_tokens: z.unknown().refine((value) => value !== undefined, "Field required"),
  // the CLI adds missing ones, and fails on a message that is null
  messages: listOf(z.custom<RequestMessage>(isObject, EXPECTED_OBJECT)),
  system: systemField,
  // every call of the CLI streams, whatever the body says
  stream: z.boolean().nullish(),
  tools: toolsField,
  output_config: outputConfigField,
});

/** For rewritten requests: only the fields that this server reads. */
export const rewrittenSchema = z.looseObject({
  model: modelField,
  messages: listOf(z.custom<RequestMessage>(isObject, EXPECTED_OBJECT)),
  system: z.union([z.string(), z.array(z.unknown())]).nullish(),
  stream: z.boolean().nullish(),
});

/** A message of a request. Upstream checks its fields. */
export interface RequestMessage {
  role?: unknown;
  content?: unknown;
  [field: string]: unknown;
}

type Conversation = Pick<z.infer<typeof schema>, "model" | "messages" | "system" | "tools">;

/** Unknown fields are passed on. */
export type MessagesRequest = z.infer<typeof schema>;

export interface CheckOptions {
  version: ApiVersion;
  /** True if upstream gets the client's request and can check it. */
  isRewritten: boolean;
}

/**
 * Checks what upstream cannot. Returns the same object, since a schema's output would reorder its keys.
 * Throws `ApiError` 400 with the API's message.
 */
export function parseMessagesRequest(body: unknown, options: CheckOptions): MessagesRequest {
  if (options.isRewritten) {
    const request = checkRequest(body, options, rewrittenSchema as unknown as typeof schema);
    rejectStreamedPrewarming(request);
    return request;
  }
  const request = checkRequest(body, options, schema);
  rejectMcpServers(request);
  checkPrewarming(request);
  return request;
}

export function checkRequest<T extends Conversation>(
  body: unknown,
  { version, isRewritten }: CheckOptions,
  fields: z.ZodType<T>,
): T {
  if (!isObject(body)) throw invalidRequest(EXPECTED_OBJECT);
  if (isDeeperThan(body, MAX_DEPTH)) {
    throw invalidRequest(`The request body is nested deeper than ${MAX_DEPTH} levels.`);
  }
  rejectThread(body);
  if (!isRewritten) rejectHeaderFields(body);
  rejectDroppedFields(body, version);
  const issue = fields.safeParse(body).error?.issues[0];
  if (issue) throw invalidRequest(issueMessage(unwrapUnion(issue, body), body));
  const request = body as unknown as T;
  // the CLI would add its own messages to an empty list
  if (request.messages.length === 0) throw invalidRequest("messages: at least one message is required");
  if (!isRewritten) checkBreakpoints(request);
  rejectDroppedContent(request.messages, version);
  return request;
}

function rejectThread(body: Record<string, unknown>): void {
  // on this code the SDKs' tool runner falls back to sending the whole history
  if (body.thread !== undefined && body.thread !== null) {
    throw invalidRequest("thread: not supported by this server", {
      error_code: "thread_unsupported_request",
      unsupported: ["thread"],
    });
  }
}

/** Upstream counts breakpoints, but does not see those on system blocks. */
function checkBreakpoints(request: Conversation): void {
  const marks = countBreakpoints(request);
  if (marks > MAX_CACHE_BREAKPOINTS && marks > breakpointsOutsideSystem(request)) {
    throw invalidRequest(
      `A maximum of ${MAX_CACHE_BREAKPOINTS} blocks with cache_control may be provided. Found ${marks}.`,
    );
  }
}
