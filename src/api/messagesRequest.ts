import { z } from "zod";
import { breakpointsOutsideSystem, countBreakpoints, MAX_CACHE_BREAKPOINTS } from "./cacheBreakpoints.ts";
import { isDeeperThan, MAX_DEPTH } from "./depth.ts";
import { invalidRequest } from "./errors.ts";
import { isObject } from "./isObject.ts";
import { EXPECTED_OBJECT, issueMessage, unwrapUnion } from "./issueMessages.ts";
import { listOf, required } from "./shapes.ts";
import { checkPrewarming, rejectHeaderFields, rejectMcpServers, rejectStreamedPrewarming } from "./unsupported.ts";
import { type ApiVersion, rejectDroppedContent, rejectDroppedFields } from "./versionRules.ts";

/** The CLI takes the text alone, so upstream never sees the rest of a block. */
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

/** The CLI has a model of its own for a request that names none. */
export const modelField = z.string().min(1, "String should have at least 1 character");

/** The CLI takes the system prompt out of the body. */
export const systemField = z.union([z.string(), listOf(systemBlock)]).nullish();

/** The CLI breaks on tools that are no list. */
const toolsField = z.array(z.unknown()).nullish();

/** The CLI merges this with its own: a string becomes an object of its letters, and an empty list vanishes. */
export const outputConfigField = z.looseObject({}).nullish();

/**
 * Only what the CLI would fill in, take out or break on (tried value by value in `test/contract/judged.test.ts`).
 * Everything else reaches upstream unchanged, and upstream refuses it in its own words.
 */
const schema = z.looseObject({
  model: modelField,
  // the CLI fills in a missing one; any value travels
  max_tokens: z.unknown().refine((value) => value !== undefined, "Field required"),
  // the CLI fills in missing ones, and breaks on a message that is null
  messages: listOf(z.custom<RequestMessage>(isObject, EXPECTED_OBJECT)),
  system: systemField,
  // every call of the CLI streams, whatever the body says
  stream: z.boolean().nullish(),
  tools: toolsField,
  output_config: outputConfigField,
});

/** The same of a request that goes up as its client wrote it: only what is read here must have its type. */
export const rewrittenSchema = z.looseObject({
  model: modelField,
  messages: listOf(z.custom<RequestMessage>(isObject, EXPECTED_OBJECT)),
  system: z.union([z.string(), z.array(z.unknown())]).nullish(),
  stream: z.boolean().nullish(),
});

/** A message of a request; upstream judges its fields. */
export interface RequestMessage {
  role?: unknown;
  content?: unknown;
  [field: string]: unknown;
}

/** What every request with a conversation has. */
type Conversation = Pick<z.infer<typeof schema>, "model" | "messages" | "system" | "tools">;

/** The body of `POST /v1/messages`, checked; fields not named here are carried as they are. */
export type MessagesRequest = z.infer<typeof schema>;

/** How a request is checked. */
export interface CheckOptions {
  version: ApiVersion;
  /** Whether it goes up as its client wrote it, so that upstream can judge all of it. */
  isRewritten: boolean;
}

/**
 * Checks what is ours to check and returns the very same object, since a schema's own output would reorder keys.
 * Throws `ApiError` 400 in the words of the API; whatever passes here is upstream's to refuse.
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

/** The checks that every request with a conversation has in common, with the schema of its own fields. */
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
  // an empty list must not be left to the CLI, which has messages of its own
  if (request.messages.length === 0) throw invalidRequest("messages: at least one message is required");
  if (!isRewritten) checkBreakpoints(request);
  rejectDroppedContent(request.messages, version);
  return request;
}

function rejectThread(body: Record<string, unknown>): void {
  // told with this code, the SDKs' tool runner falls back to sending the whole history
  if (body.thread !== undefined && body.thread !== null) {
    throw invalidRequest("thread: not supported by this server", {
      error_code: "thread_unsupported_request",
      unsupported: ["thread"],
    });
  }
}

/** Upstream counts the marks that it sees, which those on system blocks are not. */
function checkBreakpoints(request: Conversation): void {
  const marks = countBreakpoints(request);
  if (marks > MAX_CACHE_BREAKPOINTS && marks > breakpointsOutsideSystem(request)) {
    throw invalidRequest(
      `A maximum of ${MAX_CACHE_BREAKPOINTS} blocks with cache_control may be provided. Found ${marks}.`,
    );
  }
}
