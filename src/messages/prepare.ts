import { plainKey, type WorkerKey } from "../claude/pool/workerKey.ts";
import { systemText } from "../claude/transport/overlay/systemText.ts";
import { rewriteInstruction } from "../claude/transport/rewrite/instruction.ts";
import type { OverlayRequest, RewriteRequest } from "../claude/transport/turnRequest.ts";
import { mappedModel } from "../shared/mappedModel.ts";
import { breakpointsOutsideSystem, MAX_CACHE_BREAKPOINTS, systemCacheTtl } from "../validation/cacheBreakpoints.ts";
import type { MessagesRequest } from "../validation/messagesRequest.ts";
import { isAnsweredAsJson } from "../validation/unsupported.ts";
import { fingerprint } from "./fingerprint.ts";

/** Betas that are not forwarded: this server implements them, or the CLI sends them anyway. */
const LOCAL_BETAS =
  /^(files-api|message-batches|token-counting|message-threads|output-300k|claude-code|oauth|prompt-caching)-/;
/** Anything else could break the header. */
const BETA_PATTERN = /^[a-z0-9][a-z0-9.-]{0,99}$/;
const MAX_BETAS = 50;

/** The CLI adds a `temperature` of 1 for these. */
const MODELS_WITH_TEMPERATURE = /claude-(3-|[a-z]+-4(-[0-6]|@|$))/;

export type PreparedTurn =
  | (OverlayRequest & { body: Record<string, unknown> })
  | (RewriteRequest & { instruction: string });

export interface PreparedMessage {
  key: WorkerKey;
  turn: PreparedTurn;
}

/** `text` is the client's body, which is sent unchanged. */
export function prepareRewrite(
  request: MessagesRequest,
  text: string,
  betas: readonly string[],
  modelMap: Record<string, string>,
): PreparedMessage {
  return {
    key: plainKey("rewrite"),
    turn: {
      transport: "rewrite",
      model: mappedModel(request.model, modelMap),
      instruction: rewriteInstruction(text, { betas: forwardedBetas(betas), isWhole: isAnsweredAsJson(request) }),
      contentDigest: fingerprint(request.messages),
    },
  };
}

export function prepareOverlay(
  request: MessagesRequest,
  betas: readonly string[],
  modelMap: Record<string, string>,
): PreparedMessage & { turn: OverlayRequest } {
  const { model, system, stream: _, ...rest } = request;
  // the API does not stream an answer without tokens, and the CLI only streams
  const body = rest.max_tokens === 0 ? { ...rest, max_tokens: 1 } : rest;
  const text = systemText(system);
  const asked = mappedModel(model, modelMap);
  const withoutTemperature = mustOmitTemperature(asked, request);
  return {
    key: { transport: "overlay", system: text, betas: forwardedBetas(betas) },
    turn: {
      transport: "overlay",
      model: asked,
      // equals leaving it out
      body: withoutTemperature ? { thinking: { type: "disabled" }, ...body } : body,
      systemCacheTtl: hasRoomForBreakpoints(request, text) ? systemCacheTtl(request) : undefined,
      withoutTemperature,
      contentDigest: fingerprint(rest.messages),
    },
  };
}

/** Includes unknown betas, which upstream checks. The CLI adds them to its own. */
export function forwardedBetas(betas: readonly string[]): string[] {
  const carried = new Set(betas.filter((beta) => BETA_PATTERN.test(beta) && !LOCAL_BETAS.test(beta)));
  return [...carried].sort().slice(0, MAX_BETAS);
}

/** These models reject a temperature together with `top_p` (docs: "Messages", `top_p`). */
function mustOmitTemperature(model: string, { temperature, top_p }: MessagesRequest): boolean {
  return top_p != null && temperature === undefined && MODELS_WITH_TEMPERATURE.test(model);
}

/** The CLI adds a breakpoint to its identity block and, if there is one, to the system text. */
function hasRoomForBreakpoints(request: MessagesRequest, text: string): boolean {
  const added = text === "" ? 1 : 2;
  return breakpointsOutsideSystem(request) + added <= MAX_CACHE_BREAKPOINTS;
}
