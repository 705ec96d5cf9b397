import type { CliMessage } from "./codec.ts";

/** What our mods report through `$.ui.log`, on stdout in sequence with all messages. */
export const MOD_REPORTS = {
  loaded: "loaded",
  turnStarted: "turn started",
  calling: "calling",
  denied: "denied",
  countDenied: "count denied",
} as const;

export function modReport({ type, subtype, plugin, text }: CliMessage, mod: string): string | undefined {
  return type === "system" && subtype === "ui_log" && plugin === mod && typeof text === "string" ? text : undefined;
}
