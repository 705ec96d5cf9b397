import { breakpointsOutsideSystem, MAX_CACHE_BREAKPOINTS, systemCacheTtl } from "../api/cacheBreakpoints.ts";
import type { MessagesRequest } from "../api/messagesRequest.ts";
import { isAnsweredAsJson } from "../api/unsupported.ts";
import { rewriteInstruction } from "../claude/rewrite/instruction.ts";
import type { OverlayRequest, RewriteRequest } from "../claude/turnRequest.ts";
import { plainKey, type WorkerKey } from "../claude/workerKey.ts";
import { fingerprint } from "./fingerprint.ts";

/** Betas that no request has to carry: our own server stands for them, or the CLI sends them by itself. */
const LOCAL_BETAS =
  /^(files-api|message-batches|token-counting|message-threads|output-300k|claude-code|oauth|prompt-caching)-/;
/** What a beta looks like; anything else could not travel in a header. */
const BETA_PATTERN = /^[a-z0-9][a-z0-9.-]{0,99}$/;
const MAX_BETAS = 50;

/** Models to which the CLI adds a `temperature` of 1. */
const MODELS_WITH_TEMPERATURE = /claude-(3-|[a-z]+-4(-[0-6]|@|$))/;

/** What is sent, with nothing of it encoded yet. */
export type PreparedTurn =
  | (OverlayRequest & { body: Record<string, unknown> })
  | (RewriteRequest & { instruction: string });

export interface PreparedMessage {
  key: WorkerKey;
  turn: PreparedTurn;
}

/** Prepares a client's request, which has this text, to be sent as it is. */
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
      conversation: fingerprint(request.messages),
    },
  };
}

/** Splits a client's request into what is fixed for a worker and what it is given for this one turn. */
export function prepareOverlay(
  request: MessagesRequest,
  betas: readonly string[],
  modelMap: Record<string, string>,
): PreparedMessage & { turn: OverlayRequest } {
  const { model, system, stream: _, ...rest } = request;
  // the API streams no answer without a token, and the CLI asks for nothing but streams
  const body = rest.max_tokens === 0 ? { ...rest, max_tokens: 1 } : rest;
  const text = systemText(system);
  const asked = mappedModel(model, modelMap);
  const withoutTemperature = mustOmitTemperature(asked, request);
  return {
    key: { transport: "overlay", system: text, betas: forwardedBetas(betas) },
    turn: {
      transport: "overlay",
      model: asked,
      // says what leaving it out says
      body: withoutTemperature ? { thinking: { type: "disabled" }, ...body } : body,
      systemCacheTtl: hasRoomForBreakpoints(request, text) ? systemCacheTtl(request) : undefined,
      withoutTemperature,
      conversation: fingerprint(rest.messages),
    },
  };
}

/** Upstream is to judge them, known or not; the CLI sends them on top of its own. */
export function forwardedBetas(betas: readonly string[]): string[] {
  const carried = new Set(betas.filter((beta) => BETA_PATTERN.test(beta) && !LOCAL_BETAS.test(beta)));
  return [...carried].sort().slice(0, MAX_BETAS);
}

/** These models refuse a temperature beside `top_p` (docs: "Messages", `top_p`). */
function mustOmitTemperature(model: string, { temperature, top_p }: MessagesRequest): boolean {
  return top_p != null && temperature === undefined && MODELS_WITH_TEMPERATURE.test(model);
}

/** What is asked for where a client names this model. */
export function mappedModel(model: string, modelMap: Record<string, string>): string {
  return Object.hasOwn(modelMap, model) ? (modelMap[model] as string) : model;
}

/** The block with which Claude Code attributes a request; the CLI behind us puts its own in its place. */
const ATTRIBUTION_BLOCK = /^x-anthropic-billing-header:[^\n]*$/;
/** System prompts that the CLI takes for blocks of its own making, and leaves out. */
const CLI_SYSTEM_BLOCK =
  /^(x-anthropic-billing-header:|(You are (Claude Code|a Claude agent)[^\n]*|__SYSTEM_PROMPT_\w+__)$)/;

/** The CLI takes one text; it would join several blocks the same way. */
export function systemText(system: MessagesRequest["system"]): string {
  const texts = typeof system === "string" ? [system] : (system ?? []).map((block) => String(block.text ?? ""));
  const text = texts.filter((part) => !(texts.length > 1 && ATTRIBUTION_BLOCK.test(part))).join("\n\n");
  return CLI_SYSTEM_BLOCK.test(text) ? `\n${text}` : text;
}

/** The CLI marks its own identity block and the system text: two marks more, or one where there is no text. */
function hasRoomForBreakpoints(request: MessagesRequest, text: string): boolean {
  const added = text === "" ? 1 : 2;
  return breakpointsOutsideSystem(request) + added <= MAX_CACHE_BREAKPOINTS;
}
