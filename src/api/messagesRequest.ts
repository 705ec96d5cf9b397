import { z } from "zod";
import { countCacheMarks, MAX_CACHE_MARKS } from "./cacheMarks.ts";
import { isDeeperThan, MAX_DEPTH } from "./depth.ts";
import { invalidRequest } from "./errors.ts";
import { checkToolPairing } from "./toolPairing.ts";
import { checkPrewarming, refuseSwallowed, refuseUnanswerable } from "./uncarried.ts";
import { type ApiVersion, refuseDroppedContent, refuseDroppedFields } from "./versionRules.ts";
import { describeIssue, innermost } from "./wording.ts";

/** Fields that every block of a type must have; what else is in it is upstream's to judge. */
const BLOCKS: Record<string, z.ZodType> = {
  text: z.looseObject({ text: z.string() }),
  image: z.looseObject({ source: z.looseObject({ type: z.string() }) }),
  document: z.looseObject({ source: z.looseObject({ type: z.string() }) }),
  thinking: z.looseObject({ thinking: z.string(), signature: z.string() }),
  redacted_thinking: z.looseObject({ data: z.string() }),
  tool_use: z.looseObject({ id: z.string(), name: z.string(), input: z.looseObject({}) }),
  tool_result: z.looseObject({ tool_use_id: z.string() }),
};

const block = z.looseObject({ type: z.string() }).superRefine((value, context) => {
  const fields = Object.hasOwn(BLOCKS, value.type) ? BLOCKS[value.type] : undefined;
  for (const issue of fields?.safeParse(value).error?.issues ?? []) {
    // the API names a block's type in the path, though it is no key: a symbol tells the two apart
    context.addIssue({ ...issue, path: [Symbol(value.type), ...issue.path] } as Parameters<typeof context.addIssue>[0]);
  }
});

const stringOrBlocks = z.union([z.string(), z.array(block)]);

/** Upstream gets the text alone, so the rest of it is ours to judge. */
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

/** A system message may have no content, but a setting for the turns that follow (SDK: `BetaSystemMessageParam`). */
const message = z
  .looseObject({
    role: z.enum(["user", "assistant", "system"], { error: required("Input should be 'user' or 'assistant'") }),
    content: stringOrBlocks.optional(),
    output_config: z.looseObject({}).nullish(),
  })
  .refine(({ role, content, output_config }) => content !== undefined || (role === "system" && output_config), {
    path: ["content"],
    error: "Field required",
  });

const integer = z
  .custom<number>(Number.isSafeInteger, { error: required("Input should be a valid integer") })
  .refine((value) => value >= 0, { error: "Input should be greater than or equal to 0" });

const share = z.number().min(0, "range: 0..1").max(1, "range: 0..1").nullish();

const schema = z.looseObject({
  model: z.string().min(1, "String should have at least 1 character"),
  max_tokens: integer,
  messages: z.array(message),
  system: z.union([z.string(), z.array(systemBlock)]).nullish(),
  stream: z.boolean().nullish(),
  stop_sequences: z
    .array(z.string())
    .refine((sequences) => sequences.every((sequence) => sequence.trim() !== ""), {
      error: "each stop sequence must contain non-whitespace",
    })
    .nullish(),
  temperature: share,
  top_p: share,
  top_k: integer.nullish(),
  tools: z.array(z.looseObject({})).nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  thinking: z.looseObject({ type: z.string() }).nullish(),
  output_config: z.looseObject({}).nullish(),
  metadata: z
    .looseObject({ user_id: z.string().max(512, "String should have at most 512 characters").nullish() })
    .nullish(),
});

type Conversation = Pick<z.infer<typeof schema>, "messages" | "system" | "tools">;

/** The body of `POST /v1/messages`, checked; fields not named here are carried as they are. */
export type MessagesRequest = z.infer<typeof schema>;

/**
 * Checks what is ours to check and returns the very same object, since a schema's own output would reorder keys.
 * Throws `ApiError` 400 in the words of the API; whatever passes here is upstream's to refuse.
 */
export function parseMessagesRequest(body: unknown, version: ApiVersion): MessagesRequest {
  const request = checkRequest(body, version, schema);
  refuseUnanswerable(request);
  checkPrewarming(request);
  return request;
}

/** The fields that make up the input of the model, which is what a count of tokens takes. */
export const inputSchema = schema.pick({
  model: true,
  messages: true,
  system: true,
  tools: true,
  tool_choice: true,
  thinking: true,
  output_config: true,
});

/** The checks that every request with a conversation has in common, with the schema of its own fields. */
export function checkRequest<T extends Conversation>(body: unknown, version: ApiVersion, fields: z.ZodType<T>): T {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidRequest("Input should be a valid dictionary or object to extract fields from");
  }
  if (isDeeperThan(body, MAX_DEPTH))
    throw invalidRequest(`The request body is nested deeper than ${MAX_DEPTH} levels.`);
  refuseThread(body as Record<string, unknown>);
  refuseSwallowed(body as Record<string, unknown>);
  refuseDroppedFields(body as Record<string, unknown>, version);
  const issue = fields.safeParse(body).error?.issues[0];
  if (issue) throw invalidRequest(describeIssue(innermost(issue, body), body));
  const request = body as T;
  checkConversation(request);
  refuseDroppedContent(request.messages, version);
  return request;
}

function refuseThread(body: Record<string, unknown>): void {
  // told with this code, the SDKs' tool runner falls back to sending the whole history
  if (body.thread !== undefined && body.thread !== null) {
    throw invalidRequest("thread: not supported by this server", {
      error_code: "thread_unsupported_request",
      unsupported: ["thread"],
    });
  }
}

function checkConversation(request: Conversation): void {
  const [first] = request.messages;
  if (!first) throw invalidRequest("messages: at least one message is required");
  if (first.role === "system") {
    throw invalidRequest("messages.0: use the top-level 'system' parameter for the initial system prompt");
  }
  checkToolPairing(request.messages);
  const marks = countCacheMarks(request);
  if (marks > MAX_CACHE_MARKS) {
    throw invalidRequest(`A maximum of ${MAX_CACHE_MARKS} blocks with cache_control may be provided. Found ${marks}.`);
  }
}

/** The words for a value that is not what it should be, when they are not those for one that is missing. */
function required(words: string) {
  return ({ input }: { input?: unknown }) => (input === undefined ? "Field required" : words);
}
