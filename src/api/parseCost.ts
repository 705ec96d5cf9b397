import { setImmediate } from "node:timers/promises";
import { JsonScan } from "./jsonScan.ts";

/** Parsing 100,000 values takes up to 0.3 s; an answer of 100,000 tokens has fewer. */
export const MAX_PARSED_VALUES = 100_000;
/** Bytes of a text that cannot hold so many values that parsing them takes long. */
export const ALWAYS_CHEAP_BYTES = 256 * 1024;
/** Bytes that are counted in one turn of the event loop. */
const SLICE_BYTES = 1024 * 1024;

/** The scan that finds a text of more values. */
export function newValueScan(): JsonScan {
  return new JsonScan({ depth: MAX_PARSED_VALUES, values: MAX_PARSED_VALUES, members: MAX_PARSED_VALUES });
}

/** Whether a JSON text can be parsed in one go. Counts without parsing, and without blocking the event loop. */
export async function isCheapToParse(text: Uint8Array): Promise<boolean> {
  if (text.length <= ALWAYS_CHEAP_BYTES) return true;
  const scan = newValueScan();
  for (let at = 0; at < text.length; at += SLICE_BYTES) {
    if (scan.add(text.subarray(at, at + SLICE_BYTES))) return false;
    await setImmediate();
  }
  return true;
}
