/** The block by which a Claude Code client attributes a request. The worker's CLI adds its own. */
const ATTRIBUTION_BLOCK = /^x-anthropic-billing-header:[^\n]*$/;
/** System prompts that the CLI mistakes for its own and drops. */
const CLI_SYSTEM_BLOCK =
  /^(x-anthropic-billing-header:|(You are (Claude Code|a Claude agent)[^\n]*|__SYSTEM_PROMPT_\w+__)$)/;

/** Joins blocks like the CLI, which takes a single text. */
export function systemText(system: string | readonly { text?: unknown }[] | null | undefined): string {
  const texts = typeof system === "string" ? [system] : (system ?? []).map((block) => String(block.text ?? ""));
  const text = texts.filter((part) => !(texts.length > 1 && ATTRIBUTION_BLOCK.test(part))).join("\n\n");
  return CLI_SYSTEM_BLOCK.test(text) ? `\n${text}` : text;
}
