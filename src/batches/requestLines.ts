import { topLevelFields } from "../api/jsonFields.ts";
import type { Body } from "../messages/requestReader.ts";
import { storedLines } from "../storage/jsonLines.ts";
import { type BatchRequest, SMALL_ELEMENT_BYTES } from "./batchParser.ts";

/** A request of a batch, as read from `requests.jsonl`. */
export interface StoredRequest {
  custom_id: string;
  params: Body;
}

/** How each line of `requests.jsonl` begins. A closing brace follows the params. */
const LINE_PREFIX = /^\{"custom_id":"([a-zA-Z0-9_-]{1,64})","params":(?=\{)/;
const MAX_PREFIX_BYTES = 128;
const CLOSING_BRACE = 0x7d;

/** Yields the requests of a batch, large ones unparsed. Throws `SyntaxError` for a line that is not JSON. */
export async function* readRequests(path: string): AsyncGenerator<StoredRequest, void, undefined> {
  for await (const line of storedLines(path)) {
    yield splitLargeRequest(line) ?? parseRequest(line);
  }
}

function parseRequest(line: Buffer): StoredRequest {
  const json = line.toString("utf8");
  const { custom_id, params }: BatchRequest = JSON.parse(json);
  const field = topLevelFields(json).findLast(({ name }) => name === "params");
  return { custom_id, params: { value: params, text: json.slice(field?.from, field?.to) } };
}

/** Returns undefined for a small line, and for one that this server did not write. */
function splitLargeRequest(line: Buffer): StoredRequest | undefined {
  if (line.length <= SMALL_ELEMENT_BYTES || line.at(-1) !== CLOSING_BRACE) return undefined;
  const [beginning, custom_id] = LINE_PREFIX.exec(line.toString("latin1", 0, MAX_PREFIX_BYTES)) ?? [];
  if (beginning === undefined || custom_id === undefined) return undefined;
  return { custom_id, params: { bytes: new Uint8Array(line.subarray(beginning.length, -1)) } };
}
