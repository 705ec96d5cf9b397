import * as vscode from "vscode";
import type { CliProblem } from "../server.ts";
import { printable } from "../shared/printable.ts";
import { messageText } from "./messageText.ts";
import { type ProofFailure, UnprovenServerError } from "./provenConnection.ts";
import type { State } from "./state.ts";

/** Characters that an external text may take in a notification, an item or a tooltip. */
const MAX_TEXT_LENGTH = 500;

/** Characters of our own messages, whose values are external: the remedy at the end must not be cut off. */
const MAX_MESSAGE_LENGTH = 1500;

/** An external text as one bounded line of printable characters. */
export function oneLine(text: string, maxLength = MAX_TEXT_LENGTH): string {
  return printable(text.slice(0, 2 * maxLength).replace(/\s+/g, " "), maxLength);
}

/** The same for notifications, where VS Code would turn `[label](command:…)` into a link. */
export function plain(text: string, maxLength = MAX_TEXT_LENGTH): string {
  return oneLine(text, maxLength).replaceAll("](", "] (");
}

/** A failure in VS Code's language; upstream's own message stays in English. */
export function errorMessage(error: Error): string {
  const known = knownMessage(error);
  if (known !== undefined) return known;
  // the SDK's own message quotes the whole response body
  if ("apiMessage" in error && typeof error.apiMessage === "string") return plain(error.apiMessage);
  const { cause } = error;
  if (cause instanceof UnprovenServerError) return describeProofFailure(cause.reason);
  return isConnectionError(error) ? vscode.l10n.t("The connection to the server was lost.") : plain(error.message);
}

/** Why the server is not running, in VS Code's language. */
export function failureText({ message, descriptor }: State & { kind: "failed" }): string {
  const known = messageText(descriptor);
  return known === undefined ? plain(message) : plain(known, MAX_MESSAGE_LENGTH);
}

/** Why batches are paused, in VS Code's language. */
export function pauseReason({ reason, message }: { reason: string; message?: unknown }): string {
  const known = messageText(message);
  return known === undefined ? reason : oneLine(known, MAX_MESSAGE_LENGTH);
}

/** Why the CLI cannot serve requests, in one sentence. */
export function describeProblem({ code, message, descriptor }: CliProblem): string {
  if (code === "cli_not_signed_in") return vscode.l10n.t("Claude Code is not signed in, so requests will fail.");
  if (code === "cli_missing") return vscode.l10n.t("Claude Code was not found, so requests will fail.");
  const known = messageText(descriptor);
  const reason = known === undefined ? plain(message) : plain(known, MAX_MESSAGE_LENGTH);
  return vscode.l10n.t("Claude Code cannot be used: {0}", reason);
}

/** The text of an error that carries a descriptor: one of the core's, or the SDK's error for a response with one. */
function knownMessage(error: Error & { descriptor?: unknown; details?: unknown }): string | undefined {
  const details = error.details as { message?: unknown } | null | undefined;
  const text = messageText(error.descriptor ?? details?.message);
  return text === undefined ? undefined : plain(text, MAX_MESSAGE_LENGTH);
}

function isConnectionError({ name }: Error): boolean {
  return name === "APIConnectionError" || name === "APIConnectionTimeoutError";
}

function describeProofFailure(reason: ProofFailure): string {
  switch (reason) {
    case "free":
      return vscode.l10n.t("The server is not running any more.");
    case "timeout":
      return vscode.l10n.t("The server did not answer in time.");
    default:
      return vscode.l10n.t(
        "The program on the port did not prove that it is a server of this VS Code, so nothing was sent to it.",
      );
  }
}
