import { fieldsOf } from "../api/events.ts";
import { spliceJson } from "../api/jsonFields.ts";
import type { Origin } from "../claude/pool/loopDetection.ts";
import type { WorkerKey } from "../claude/pool/workerKey.ts";
import { countInstruction } from "../claude/transport/rewrite/instruction.ts";
import type { TransportName } from "../claude/transport/transport.ts";
import type { TurnRequest } from "../claude/transport/turnRequest.ts";
import { mappedModel } from "../shared/mappedModel.ts";
import { shorten } from "../shared/shorten.ts";
import type { CountRequest } from "../tokens/exactCountSession.ts";
import { rejectInBatch } from "../validation/batchRules.ts";
import { type CountTokensRequest, parseCountTokensRequest } from "../validation/countTokensRequest.ts";
import { type MessagesRequest, parseMessagesRequest } from "../validation/messagesRequest.ts";
import type { ApiVersion } from "../validation/versionRules.ts";
import { countFingerprint, fingerprint } from "./fingerprint.ts";
import { type FileSource, inlineFiles } from "./inlineFiles.ts";
import { forwardedBetas, type PreparedMessage, prepareOverlay, prepareRewrite } from "./prepare.ts";

export interface ReadOptions {
  version: ApiVersion;
  betas: readonly string[];
  modelMap: Record<string, string>;
  transport: TransportName;
  inBatch: boolean;
  isShown: boolean;
}

export type CountReadOptions = Pick<ReadOptions, "version" | "modelMap" | "betas" | "transport">;

export interface RequestFacts {
  model: string;
  stream: boolean;
  /** True for `max_tokens: 0`, which only fills the cache. */
  isPrewarming: boolean;
  /** Identifies a request that our own worker sent. */
  origin: Omit<Origin, "session">;
  shown?: string;
}

export interface Prepared {
  key: WorkerKey;
  turn: TurnRequest;
}

/** Decodes UTF-8, without a byte order mark. */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Throws `ApiError` 400. */
export function checkMessage(body: unknown, { version, transport, inBatch, isShown }: ReadOptions) {
  const request = parseMessagesRequest(body, { version, isRewritten: transport === "rewrite" });
  if (inBatch) rejectInBatch(request);
  const { model, stream, max_tokens } = request;
  const { user_id } = fieldsOf(request.metadata) ?? {};
  const origin = { userId: typeof user_id === "string" ? user_id : "", contentDigest: fingerprint(request.messages) };
  const facts: RequestFacts = { model, stream: stream === true, isPrewarming: max_tokens === 0, origin };
  if (isShown) facts.shown = shorten(request);
  return { request, facts };
}

/** Throws `ApiError` for files that are missing or do not fit. */
export async function prepareMessage(
  request: MessagesRequest,
  text: string,
  { betas, modelMap, transport }: ReadOptions,
  files: FileSource,
): Promise<PreparedMessage> {
  const filled = await inlineFiles(request, files);
  if (transport === "overlay") return prepareOverlay(filled, betas, modelMap);
  return prepareRewrite(filled, spliceJson(text, request, filled), betas, modelMap);
}

/** Throws `ApiError` for files that are missing or do not fit. */
export async function prepareCount(
  request: CountTokensRequest,
  text: string,
  { betas, modelMap }: CountReadOptions,
  files: FileSource,
): Promise<CountRequest & { instruction: string }> {
  const filled = await inlineFiles(request, files);
  return {
    model: mappedModel(request.model, modelMap),
    instruction: countInstruction(spliceJson(text, request, filled), { betas: forwardedBetas(betas) }),
    contentDigest: countFingerprint(filled),
  };
}

/** Throws `ApiError` 400. */
export function checkCount(body: unknown, { version, transport }: CountReadOptions): CountTokensRequest {
  return parseCountTokensRequest(body, { version, isRewritten: transport === "rewrite" });
}
