import type { CliMessage } from "./codec.ts";

/** What our mods report through `$.ui.log`. The CLI writes it to stdout in sequence with other messages. */
export const MOD_REPORTS = {
  loaded: "loaded",
  turnStarted: "turn started",
  calling: "calling",
  denied: "denied",
  countDenied: "count denied",
} as const;

/** The report of this mod; undefined for other messages. */
export function modReport({ type, subtype, plugin, text }: CliMessage, mod: string): string | undefined {
  return type === "system" && subtype === "ui_log" && plugin === mod && typeof text === "string" ? text : undefined;
}
