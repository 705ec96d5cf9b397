import { isSystemMarked, MAX_CACHE_MARKS, marksOutsideSystem } from "../api/cacheMarks.ts";
import type { MessagesRequest } from "../api/messagesRequest.ts";
import type { WorkerKey } from "../claude/pool.ts";
import type { TurnRequest } from "../claude/turnSettings.ts";

/**
 * Betas that change what the Messages API does and that the CLI does not send by itself. They travel with the request;
 * those that our own server stands for (files, batches, counting) and unknown ones are passed over.
 */
const CARRIED_BETAS = new Set([
  "advanced-tool-use-2025-11-20",
  "compact-2026-01-12",
  "computer-use-2024-10-22",
  "computer-use-2025-01-24",
  "computer-use-2025-11-24",
  "context-1m-2025-08-07",
  "extended-cache-ttl-2025-04-11",
  "fine-grained-tool-streaming-2025-05-14",
  "output-128k-2025-02-19",
  "structured-outputs-2025-11-13",
  "thinking-display-updates-2026-08-18",
  "token-efficient-tools-2025-02-19",
]);

/** Splits a client's request into what is fixed for a worker and what it is given for this one turn. */
export function prepare(
  request: MessagesRequest,
  betas: readonly string[],
  modelMap: Record<string, string>,
): { key: WorkerKey; turn: TurnRequest } {
  const { model, system, stream: _, ...body } = request;
  const text = systemText(system);
  return {
    key: { system: text, betas: [...new Set(betas)].filter((beta) => CARRIED_BETAS.has(beta)).sort() },
    turn: {
      model: mappedModel(model, modelMap),
      body,
      markSystem: keepsSystemMarks(request, text),
    },
  };
}

/** What is asked for where a client names this model. */
export function mappedModel(model: string, modelMap: Record<string, string>): string {
  return Object.hasOwn(modelMap, model) ? (modelMap[model] as string) : model;
}

/** The block with which Claude Code attributes a request; the CLI behind us puts its own in its place. */
const ATTRIBUTION = /^x-anthropic-billing-header:[^\n]*$/;
/** System prompts that the CLI takes for blocks of its own making, and leaves out. */
const TAKEN_FOR_ITS_OWN =
  /^(x-anthropic-billing-header:|(You are (Claude Code|a Claude agent)[^\n]*|__SYSTEM_PROMPT_\w+__)$)/;

/** The CLI takes one text; it would join several blocks the same way. */
export function systemText(system: MessagesRequest["system"]): string {
  const texts = typeof system === "string" ? [system] : (system ?? []).map((block) => String(block.text ?? ""));
  const text = texts.filter((part) => !(texts.length > 1 && ATTRIBUTION.test(part))).join("\n\n");
  return TAKEN_FOR_ITS_OWN.test(text) ? `\n${text}` : text;
}

/** The CLI marks its own identity block and the system text: two marks more, or one where there is no text. */
function keepsSystemMarks(request: MessagesRequest, text: string): boolean {
  const added = text === "" ? 1 : 2;
  return isSystemMarked(request) && marksOutsideSystem(request) + added <= MAX_CACHE_MARKS;
}
