import * as vscode from "vscode";
import type { CliProblem } from "../server.ts";
import { printable } from "../shared/printable.ts";
import { type ProofFailure, UnprovenServerError } from "./provenConnection.ts";

/** Characters that a text from outside may take in a notification, an item or a tooltip. */
const MAX_LENGTH = 500;

/** A text from outside as one bounded line of printable characters. */
export function oneLine(text: string): string {
  return printable(text.slice(0, 2 * MAX_LENGTH).replace(/\s+/g, " "), MAX_LENGTH);
}

/** The same for where VS Code would make a link of `[label](command:…)`, such as a notification. */
export function plain(text: string): string {
  return oneLine(text).replaceAll("](", "] (");
}

/** What went wrong, in the API's own words where they are known: the SDK's message quotes the whole answer. */
export function errorMessage(error: Error): string {
  if ("apiMessage" in error && typeof error.apiMessage === "string") return plain(error.apiMessage);
  const { cause } = error;
  return cause instanceof UnprovenServerError ? describe(cause.reason) : plain(error.message);
}

function describe(reason: ProofFailure): string {
  switch (reason) {
    case "free":
      return vscode.l10n.t("The server is gone.");
    case "timeout":
      return vscode.l10n.t("The server did not answer in time.");
    default:
      return vscode.l10n.t(
        "The program on the port did not prove to be a server of this VS Code, so nothing was sent to it.",
      );
  }
}

/** What keeps the CLI from answering, in one sentence. */
export function describeTrouble({ code, message }: CliProblem): string {
  if (code === "cli_not_signed_in") return vscode.l10n.t("Claude Code is not signed in, so requests will fail.");
  if (code === "cli_missing") return vscode.l10n.t("Claude Code was not found, so requests will fail.");
  return vscode.l10n.t("Claude Code cannot be used: {0}", plain(message));
}
