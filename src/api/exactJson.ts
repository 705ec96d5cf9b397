import { randomUUID } from "node:crypto";
import { parsePartial } from "./partialJson.ts";

/** The text that a value was read from, where JavaScript would write it otherwise. */
const texts = new WeakMap<object, string>();

/**
 * Reads a tool's input, whole or cut off, and remembers its text: an integer beyond 2^53 would not survive, nor would the
 * order of keys that look like numbers.
 */
export function parseInput(json: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return parsePartial(json);
  }
  // a line feed would end a line of results
  if (typeof value === "object" && value !== null && !/[\r\n]/.test(json)) texts.set(value, json);
  return value;
}

/** `JSON.stringify`, with inputs as they were read. */
export function stringify(value: unknown): string {
  const nonce = randomUUID();
  const found: string[] = [];
  const json = JSON.stringify(value, (_key, inner) => {
    const text = typeof inner === "object" && inner !== null ? texts.get(inner) : undefined;
    return text === undefined ? inner : `${nonce}${found.push(text) - 1}`;
  });
  return found.length === 0
    ? json
    : json.replace(new RegExp(`"${nonce}(\\d+)"`, "g"), (_match, n) => found[n] as string);
}
