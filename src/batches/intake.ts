import { isDeeperThan, MAX_DEPTH } from "../api/depth.ts";
import { invalidRequest } from "../api/errors.ts";
import { Elements, extraInput } from "./elements.ts";

/** One request of a batch, as a line of `requests.jsonl`. */
export interface BatchRequest {
  custom_id: string;
  params: unknown;
}

const MAX_REQUESTS = 100_000;
const CUSTOM_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * Turns the body of a new batch into lines of `requests.jsonl` while it comes in. What concerns the batch as a whole
 * is checked here, the requests themselves only when they run (contract: "Message Batches").
 */
export class Intake {
  readonly #ids = new Set<string>();

  /** Requests so far. */
  get count(): number {
    return this.#ids.size;
  }

  /** Throws `ApiError` 400 or 413, and what `body` throws. */
  async *lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const elements = new Elements();
    for await (const chunk of body) {
      const lines = elements.write(chunk).map((element) => this.#line(element));
      if (lines.length > 0) yield Buffer.from(lines.join(""));
    }
    elements.end();
    if (this.count === 0) throw invalidRequest("requests: List should have at least 1 item after validation, not 0");
  }

  #line(element: Record<string, unknown>): string {
    const at = `requests.${this.count}`;
    const { custom_id, params, ...extra } = element;
    const [foreign] = Object.keys(extra);
    if (foreign !== undefined) throw extraInput(`${at}.${foreign}`);
    this.#add(custom_id, at);
    if (params === undefined) throw invalidRequest(`${at}.params: Field required`);
    if (typeof params !== "object" || params === null || Array.isArray(params)) {
      throw invalidRequest(`${at}.params: Input should be a valid dictionary or object to extract fields from`);
    }
    if (isDeeperThan(params, MAX_DEPTH)) throw invalidRequest(`${at}.params: nested deeper than ${MAX_DEPTH} levels.`);
    return `${JSON.stringify({ custom_id, params } satisfies BatchRequest)}\n`;
  }

  #add(id: unknown, at: string): asserts id is string {
    if (id === undefined) throw invalidRequest(`${at}.custom_id: Field required`);
    if (typeof id !== "string") throw invalidRequest(`${at}.custom_id: Input should be a valid string`);
    if (!CUSTOM_ID.test(id)) {
      throw invalidRequest(`${at}.custom_id: String should match pattern '${CUSTOM_ID.source}'`);
    }
    if (this.#ids.has(id)) {
      throw invalidRequest(`${at}.custom_id: Custom IDs must be unique within a batch, and '${id}' was used before`);
    }
    if (this.count === MAX_REQUESTS) {
      throw invalidRequest(`requests: List should have at most ${MAX_REQUESTS} items after validation`);
    }
    this.#ids.add(id);
  }
}
