import * as vscode from "vscode";
import { isObject } from "../api/isObject.ts";
import { MESSAGE_VALUES, type MessageId } from "../api/messageDescriptors.ts";
import { cliTexts } from "./cliTexts.ts";
import { doctorTexts } from "./doctorTexts.ts";
import { partTexts } from "./partTexts.ts";
import { serverTexts } from "./serverTexts.ts";

/** Texts in VS Code's language by the id of their message. */
export type MessageTexts = { [Id in MessageId]?: (values: Record<string, string>) => string };

const TEXTS: Required<MessageTexts> = { ...cliTexts, ...serverTexts, ...partTexts, ...doctorTexts };

/** Bound for nested messages; the core nests up to four. */
const MAX_DEPTH = 6;

/**
 * Translates a message of the core into VS Code's language. Undefined if the message is unknown, as from a server of another
 * version: show its English text then.
 */
export function messageText(descriptor: unknown, depth = 0): string | undefined {
  if (!isObject(descriptor) || !isObject(descriptor.values) || depth > MAX_DEPTH) return undefined;
  const { id, values } = descriptor;
  if (typeof id !== "string" || !Object.hasOwn(TEXTS, id)) return undefined;
  const texts: Record<string, string> = {};
  for (const name of MESSAGE_VALUES[id as MessageId]) {
    const text = valueText(values[name], depth + 1);
    if (text === undefined) return undefined;
    texts[name] = text;
  }
  return TEXTS[id as MessageId](texts);
}

function valueText(value: unknown, depth: number): string | undefined {
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (!Array.isArray(value)) return messageText(value, depth);
  const texts = value.map((entry) => valueText(entry, depth));
  const separator = value.every((entry) => typeof entry === "string") ? ", " : vscode.l10n.t("; ");
  return texts.includes(undefined) ? undefined : texts.join(separator);
}
