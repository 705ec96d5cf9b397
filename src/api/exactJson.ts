import { randomUUID } from "node:crypto";
import { answerInterrupted } from "./errors.ts";
import { describe } from "./messageDescriptors.ts";
import { ALWAYS_CHEAP_BYTES, MAX_PARSED_VALUES, newValueScan } from "./parseCost.ts";
import { completeJson } from "./partialJson.ts";
import { tryParseJson } from "./tryParseJson.ts";

/** A parsed value's source text, which `JSON.stringify` may not reproduce. Not enumerable, so a changed copy loses it. */
const SOURCE_TEXT = Symbol("source text");

/**
 * Parses a tool's input, complete or cut off, and keeps its text: `JSON.stringify` changes integers beyond 2^53 and
 * the order of numeric keys, and overflows the stack on deep values. Throws `ApiError` for more values than a model
 * writes.
 */
export function parseToolInput(json: string): unknown {
  if (json.length > ALWAYS_CHEAP_BYTES && newValueScan().add(Buffer.from(json)) !== undefined) {
    throw answerInterrupted(
      `the input of a tool holds more than ${MAX_PARSED_VALUES} values. Ask for it with "stream": true.`,
      undefined,
      describe("tool_input_too_large", { maximum: MAX_PARSED_VALUES }),
    );
  }
  const whole = tryParseJson(json);
  if (whole !== undefined) return keepFlattened(whole, json);
  const text = completeJson(json);
  return text === undefined ? {} : keepFlattened(JSON.parse(text), text);
}

function keepFlattened(value: unknown, text: string): unknown {
  // a line feed would end a line of results; in JSON it only occurs between values
  return keepText(value, text.replaceAll(/[\r\n]/g, " "));
}

/** Attaches to a parsed value its JSON, which must have no line breaks. Returns the value. */
export function keepText<T>(value: T, text: string): T {
  if (typeof value === "object" && value !== null) Object.defineProperty(value, SOURCE_TEXT, { value: text });
  return value;
}

export function textOf(value: object): string | undefined {
  return (value as { [SOURCE_TEXT]?: string })[SOURCE_TEXT];
}

/** `JSON.stringify` with the kept texts in place of their values. */
export function stringify(value: unknown): string {
  const nonce = randomUUID();
  const found: string[] = [];
  const json = JSON.stringify(value, (_key, inner) => {
    const text = typeof inner === "object" && inner !== null ? textOf(inner) : undefined;
    return text === undefined ? inner : `${nonce}${found.push(text) - 1}`;
  });
  return found.length === 0
    ? json
    : json.replace(new RegExp(`"${nonce}(\\d+)"`, "g"), (_match, n) => found[n] as string);
}
