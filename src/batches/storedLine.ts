import { isCheapToParse } from "../api/parseCost.ts";

/** How this server begins each line of `requests.jsonl` and `results.jsonl`. */
const LINE_PREFIX = /^\{"custom_id":"([a-zA-Z0-9_-]{1,64})","(?:params":\{|result":\{"type":"([a-z]{1,16})")/;
const MAX_PREFIX_BYTES = 128;

/**
 * Parses a stored line. Of one with so many values that this would block the event loop for seconds, only what the line
 * begins with: the id, and the type of a result. Throws `SyntaxError` where it is no JSON.
 */
export async function readStoredLine(line: Buffer): Promise<unknown> {
  if (await isCheapToParse(line)) return JSON.parse(line.toString("utf8"));
  const [, custom_id, type] = LINE_PREFIX.exec(line.toString("latin1", 0, MAX_PREFIX_BYTES)) ?? [];
  if (custom_id === undefined || !line.subarray(-2).equals(Buffer.from("}}")))
    throw new SyntaxError("Not a whole line");
  return { custom_id, ...(type !== undefined && { result: { type } }) };
}
