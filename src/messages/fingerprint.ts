import { createHash, type Hash } from "node:crypto";
import { isObject } from "../api/isObject.ts";
import type { CountTokensRequest } from "../validation/countTokensRequest.ts";

/** Hashed at most, so that a large conversation costs no more than a few pages. */
const BUDGET = { values: 2000, characters: 64 * 1024 };
/** Hashed of one text. The length of a longer one, such as an image, is hashed as well. */
const MAX_TEXT_CHARACTERS = 1024;

export function fingerprint(messages: readonly unknown[]): string {
  const hash = createHash("sha1").update(`${messages.length}`);
  const left = { ...BUDGET };
  // conversations differ at their end
  for (const message of [messages.at(-1), messages[0]]) add(hash, message, left);
  return hash.digest("base64");
}

/** Identifies a count. Includes the tools, since Claude Code counts different tools with the same message. */
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
