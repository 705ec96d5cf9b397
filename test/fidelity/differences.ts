import { expect } from "vitest";
import type { Requested } from "./corpus.ts";

/**
 * Everything that may differ between what a client sends and what reaches the API: what the CLI forces. The list is
 * closed; the README tells of it. Whatever is not here arrives as it was sent.
 */
const DIFFERENCES: ((body: Requested, sent: Requested) => Requested)[] = [
  function alwaysStreams(body) {
    return { ...body, stream: true };
  },
  function fillsInToolsAndUser(body) {
    return { tools: [], metadata: { user_id: expect.stringContaining("device_id") }, ...body };
  },
  function resolvesAliases(body) {
    return /^claude-/.test(body.model) ? body : { ...body, model: expect.stringMatching(/^claude-[a-z]+-\d/) };
  },
  function tellsOldModelsTheirDefaults(body) {
    if (!/^claude-(3-|[a-z]+-4(-[0-6])?(-\d{8})?$)/.test(body.model) || body.temperature !== undefined) return body;
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

/** Claude Code's attribution is replaced by that of the CLI behind us. */
function withoutAttribution(texts: string[]): string[] {
  return texts.filter((text) => texts.length === 1 || !/^x-anthropic-billing-header:[^\n]*$/.test(text));
}

/** The CLI would leave these out as blocks of its own making, so they get an empty line before them. */
function isTakenForItsOwn(text: string): boolean {
  const own = ["You are Claude Code, Anthropic's official CLI for Claude.", "__SYSTEM_PROMPT_DYNAMIC_BOUNDARY__"];
  return text.startsWith("x-anthropic-billing-header:") || own.includes(text);
}

/** Betas that the CLI sends by itself; `oauth-…` besides for a subscription. */
const OWN_BETAS = ["claude-code-20250219", "effort-2025-11-24"];

/** The betas that must reach the API for those that a client sends. */
export function betasArriveAs(body: Requested, sent: readonly string[]): Set<string> {
  const effort = (body as { output_config?: { effort?: unknown } }).output_config ?? {};
  return new Set([...OWN_BETAS.filter((beta) => !beta.startsWith("effort") || !("effort" in effort)), ...sent]);
}

/** What must reach the API for a request. */
export function arrivesAs(sent: Requested): object {
  return DIFFERENCES.reduce((body, differ) => differ(body, sent), sent);
}

function replaced(value: unknown): unknown {
  if (typeof value === "string") return wellFormed(value);
  if (Array.isArray(value)) return value.map(replaced);
  if (typeof value !== "object" || value === null || "asymmetricMatch" in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [wellFormed(key), replaced(inner)]));
}

/** As UTF-8 has it. */
function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
