import { createHash, type Hash } from "node:crypto";
import type { CountTokensRequest } from "../api/countTokensRequest.ts";
import { isObject } from "../api/isObject.ts";

/** Values and characters that are taken in, so that a large conversation costs no more than one of some pages. */
const BUDGET = { values: 2000, characters: 64 * 1024 };
/** Characters of one text: of a longer one, such as an image, its length counts besides. */
const MAX_TEXT_CHARACTERS = 1024;

/** A digest by which the same messages are recognized, as far as their end and their beginning show it. */
export function fingerprint(messages: readonly unknown[]): string {
  const hash = createHash("sha1").update(`${messages.length}`);
  const left = { ...BUDGET };
  // conversations differ at their end
  for (const message of [messages.at(-1), messages[0]]) add(hash, message, left);
  return hash.digest("base64");
}

/** A digest by which the same count is recognized. Claude Code counts its tools by one and the same message. */
export function countFingerprint({ messages, system, tools }: CountTokensRequest): string {
  return `count ${fingerprint(messages)} ${fingerprint([tools, system])}`;
}

function add(hash: Hash, value: unknown, left: typeof BUDGET): void {
  if (left.values-- <= 0 || left.characters <= 0) return;
  if (Array.isArray(value)) {
    hash.update(`[${value.length}`);
    for (const item of value.slice(0, left.values)) add(hash, item, left);
  } else if (isObject(value)) {
    hash.update("{");
    for (const name in value) {
      if (left.values <= 0) return;
      add(hash, name, left);
      add(hash, value[name], left);
    }
  } else {
    const text = String(value);
    const taken = text.slice(0, MAX_TEXT_CHARACTERS);
    left.characters -= taken.length;
    hash.update(`${typeof value}${text.length}:${taken}`);
  }
}
