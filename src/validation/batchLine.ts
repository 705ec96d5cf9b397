import { isDeeperThan, MAX_DEPTH } from "../api/depth.ts";
import { isObject } from "../api/isObject.ts";
import { topLevelFields } from "../api/jsonFields.ts";
import { parseJson } from "../api/parseJson.ts";

/** A parsed element of `requests`. Its reader reports faults in the order of the API's checks. */
export interface BatchElement {
  /** The first field that an element may not have. */
  extraField?: string;
  custom_id: unknown;
  params: "ok" | "missing" | "no object" | "too deep";
  /** The element as a line of `requests.jsonl`, if the params are ok. */
  line?: Uint8Array<ArrayBuffer>;
}

/** Throws `ApiError` 400 for invalid JSON. */
export function toBatchLine(text: string): BatchElement {
  const { custom_id, params, ...extra } = parseJson(text) as Record<string, unknown>;
  const [extraField] = Object.keys(extra);
  const element: BatchElement = {
    ...(extraField !== undefined && { extraField }),
    custom_id,
    params: checkParams(params),
  };
  if (element.params === "ok") {
    const field = topLevelFields(text).findLast(({ name }) => name === "params");
    // a line feed would end the line; in JSON it only occurs between values
    const raw = text.slice(field?.from, field?.to).replaceAll(/[\r\n]/g, " ");
    element.line = lineOf(`{"custom_id":${JSON.stringify(custom_id ?? null)},"params":${raw}}`);
  }
  return element;
}

function lineOf(json: string): Uint8Array<ArrayBuffer> {
  const line = new Uint8Array(Buffer.byteLength(json) + 1);
  new TextEncoder().encodeInto(json, line);
  line[line.length - 1] = 0x0a;
  return line;
}

function checkParams(params: unknown): BatchElement["params"] {
  if (params === undefined) return "missing";
  if (!isObject(params)) return "no object";
  return isDeeperThan(params, MAX_DEPTH) ? "too deep" : "ok";
}
