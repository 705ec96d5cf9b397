import { isCheapToParse } from "../api/parseCost.ts";

/** How each line of `requests.jsonl` and `results.jsonl` begins. */
const LINE_PREFIX = /^\{"custom_id":"([a-zA-Z0-9_-]{1,64})","(?:params":\{|result":\{"type":"([a-z]{1,16})")/;
const MAX_PREFIX_BYTES = 128;

/**
 * Parses a stored line. Reads only the id and a result's type from a line whose many values would block the event loop
 * for seconds. Throws `SyntaxError` if the line is not JSON.
 */
export async function readStoredLine(line: Buffer): Promise<unknown> {
  if (await isCheapToParse(line)) return JSON.parse(line.toString("utf8"));
  const [, custom_id, type] = LINE_PREFIX.exec(line.toString("latin1", 0, MAX_PREFIX_BYTES)) ?? [];
  if (custom_id === undefined || !line.subarray(-2).equals(Buffer.from("}}"))) throw new SyntaxError("Incomplete line");
  return { custom_id, ...(type !== undefined && { result: { type } }) };
}
