import type { CliMessage } from "./codec.ts";

/** What mods of ours report through `$.ui.log`, which the CLI writes to stdout in order with all else. */
export const MOD_REPORTS = {
  loaded: "loaded",
  turnStarted: "turn started",
  calling: "calling",
  denied: "denied",
  countDenied: "count denied",
} as const;

/** The text that a mod of this name reports; undefined where the message is no report of it. */
export function modReport({ type, subtype, plugin, text }: CliMessage, mod: string): string | undefined {
  return type === "system" && subtype === "ui_log" && plugin === mod && typeof text === "string" ? text : undefined;
}
