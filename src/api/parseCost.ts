import { setImmediate } from "node:timers/promises";
import { JsonScan } from "./jsonScan.ts";

/** Takes up to 0.3 s to parse. An answer of 100,000 tokens has fewer. */
export const MAX_PARSED_VALUES = 100_000;
/** Texts up to this size parse fast, whatever they hold. */
export const ALWAYS_CHEAP_BYTES = 256 * 1024;
const SLICE_BYTES = 1024 * 1024;

export function newValueScan(): JsonScan {
  return new JsonScan({ depth: MAX_PARSED_VALUES, values: MAX_PARSED_VALUES, members: MAX_PARSED_VALUES });
}

/** True if the text can be parsed at once. Scans it without blocking the event loop. */
export async function isCheapToParse(text: Uint8Array): Promise<boolean> {
  if (text.length <= ALWAYS_CHEAP_BYTES) return true;
  const scan = newValueScan();
  for (let at = 0; at < text.length; at += SLICE_BYTES) {
    if (scan.add(text.subarray(at, at + SLICE_BYTES))) return false;
    await setImmediate();
  }
  return true;
}
