import { MAX_DEPTH } from "../api/depth.ts";
import { invalidRequest } from "../api/errors.ts";
import { type JsonLimits, JsonScan } from "../api/jsonScan.ts";

/** Twice the values of 100,000 messages with six blocks each. */
export const MAX_VALUES = 4_000_000;
/** Per object or list: twice the API's limit of messages. JavaScript takes seconds for an object of millions. */
export const MAX_MEMBERS = 200_000;

const MESSAGES: Record<keyof JsonLimits, string> = {
  depth: `The request body is nested deeper than ${MAX_DEPTH} levels.`,
  values: `The request body holds more than ${MAX_VALUES} values.`,
  members: `The request body has an object or list of more than ${MAX_MEMBERS} elements.`,
};

export class BodyBounds {
  readonly #scan = new JsonScan({ depth: MAX_DEPTH, values: MAX_VALUES, members: MAX_MEMBERS });

  /** Throws `ApiError` 400. */
  take(chunk: Uint8Array): void {
    const exceeded = this.#scan.add(chunk);
    if (exceeded) throw invalidRequest(MESSAGES[exceeded]);
  }
}
