import { expect } from "vitest";
import { defaultOptions } from "../../src/options.ts";
import type { Requested } from "./corpus.ts";

/**
 * Every difference between a client's request and the one that reaches the API, forced by the CLI. The list is closed
 * and documented in `docs/overlay.md`; everything else arrives unchanged.
 */
const DIFFERENCES: ((body: Requested, sent: Requested) => Requested)[] = [
  function alwaysStreams(body) {
    return { ...body, stream: true };
  },
  function fillsInToolsAndUser(body) {
    return { tools: [], metadata: { user_id: expect.stringContaining("device_id") }, ...body };
  },
  function asksForOneTokenInsteadOfNone(body) {
    return body.max_tokens === 0 ? { ...body, max_tokens: 1 } : body;
  },
  function movesTheOldOutputFormat(body) {
    const { output_format, ...rest } = body;
    return output_format
      ? { ...rest, output_config: { ...(body.output_config as object), format: output_format } }
      : body;
  },
  function dropsAnEmptyOutputConfig(body) {
    const { output_config, ...rest } = body;
    return output_config && Object.keys(output_config).length === 0 ? rest : body;
  },
  function resolvesAliases(body, sent) {
    const asked = defaultOptions.modelMap[sent.model] ?? sent.model;
    return /^claude-/.test(asked) ? body : { ...body, model: expect.stringMatching(/^claude-[a-z]+-\d/) };
  },
  function tellsOldModelsTheirDefaults(body) {
    if (!/^claude-(3-|[a-z]+-4(-[0-6])?(-\d{8})?$)/.test(String(body.model)) || body.temperature !== undefined)
      return body;
    return body.top_p === undefined ? { temperature: 1, ...body } : { thinking: { type: "disabled" }, ...body };
  },
  function putsItsBlocksBeforeTheSystemPrompt(body) {
    const { system, ...rest } = body;
    const blocks: { text: string; cache_control?: unknown }[] =
      typeof system === "string" ? [{ text: system }] : (system ?? []);
    const text = withoutAttribution(blocks.map((block) => block.text)).join("\n\n");
    const mark = blocks.findLast((block) => block.cache_control)?.cache_control as { ttl?: string } | undefined;
    const ttl = mark?.ttl === "1h" && { ttl: "1h" };
    const marked = (block: { type: string; text: string }) => ({
      ...block,
      ...(mark && { cache_control: { type: "ephemeral", ...ttl } }),
    });
    return {
      ...rest,
      system: [
        { type: "text", text: expect.stringMatching(/^x-anthropic-billing-header: /) },
        marked({ type: "text", text: expect.stringMatching(/^You are a Claude agent/) }),
        ...(text === "" ? [] : [marked({ type: "text", text: isTakenForItsOwn(text) ? `\n${text}` : text })]),
      ],
    };
  },
  function replacesLoneSurrogates(body) {
    return replaced(body) as Requested;
  },
];

/** The CLI's attribution replaces that of Claude Code. */
function withoutAttribution(texts: string[]): string[] {
  return texts.filter((text) => texts.length === 1 || !/^x-anthropic-billing-header:[^\n]*$/.test(text));
}

/** The CLI would drop these as its own, so a blank line is put before them. */
function isTakenForItsOwn(text: string): boolean {
  const own = ["You are Claude Code, Anthropic's official CLI for Claude.", "__SYSTEM_PROMPT_DYNAMIC_BOUNDARY__"];
  return text.startsWith("x-anthropic-billing-header:") || own.includes(text);
}

/** Client betas that are not forwarded: this server implements them, or the CLI sends them itself. */
const STAY = /^(files-api|message-batches|token-counting|message-threads|output-300k|prompt-caching)-/;
/** Betas that the CLI forwards only with some of its own experiments. */
const EXPERIMENTAL = ["inline-tools-2026-09-15", "mid-conversation-tool-changes-2026-07-01"];
const EXPERIMENTS = [
  "mid-conversation-tool-changes-2026-07-01",
  "per-turn-control-2026-07-01",
  "thinking-token-count-2026-05-13",
];

/** The betas that must reach the API. The CLI adds its name, and one for an effort. */
export function betasArriveAs(body: Requested, sent: readonly string[]): Set<string> {
  const asksForEffort = "effort" in ((body.output_config as object | undefined) ?? {});
  return new Set([
    "claude-code-20250219",
    ...(asksForEffort ? [] : ["effort-2025-11-24"]),
    ...(sent.some((beta) => EXPERIMENTAL.includes(beta)) ? EXPERIMENTS : []),
    ...sent.filter((beta) => !STAY.test(beta)),
  ]);
}

/** The request that must reach the API. */
export function arrivesAs(sent: Requested): object {
  return DIFFERENCES.reduce((body, differ) => differ(body, sent), sent);
}

function replaced(value: unknown): unknown {
  if (typeof value === "string") return wellFormed(value);
  if (Array.isArray(value)) return value.map(replaced);
  if (typeof value !== "object" || value === null || "asymmetricMatch" in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [wellFormed(key), replaced(inner)]));
}

/** As encoded in UTF-8. */
function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
