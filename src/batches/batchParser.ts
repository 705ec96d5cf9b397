import { MAX_DEPTH } from "../api/depth.ts";
import { invalidRequest } from "../api/errors.ts";
import { Slicer, type Slices } from "../shared/slices.ts";
import { type BatchElement, toBatchLine } from "../validation/batchLine.ts";
import { BodyBounds } from "../validation/bodyBounds.ts";
import { EXPECTED_OBJECT } from "../validation/issueMessages.ts";
import { extraInput, JsonArraySplitter } from "./jsonArraySplitter.ts";

/** One request of a batch, as a line of `requests.jsonl`. */
export interface BatchRequest {
  custom_id: string;
  params: unknown;
}

/** Parses a large element off the event loop. Throws `ApiError` 400, or the signal's reason on abort. */
export type ReadElement = (bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal) => Promise<BatchElement>;

/** Elements up to this size are parsed on the event loop. */
export const SMALL_ELEMENT_BYTES = 256 * 1024;

/** Bytes tokenized between two checks of the clock, which takes some 3 ms. */
const CHECK_INTERVAL_BYTES = 16 * 1024;

const MAX_REQUESTS = 100_000;
const CUSTOM_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * Turns the body of a new batch into lines of `requests.jsonl` while it arrives. Requests are validated only when they
 * run (contract: "Message Batches").
 */
export class BatchParser {
  readonly #ids = new Set<string>();
  readonly #signal: AbortSignal;
  readonly #slices: Slices;
  readonly #readLarge: ReadElement;

  /** Aborting `signal` ends the parser at its next pause or large element. */
  constructor(
    signal: AbortSignal,
    slices: Slices = new Slicer().begin(signal),
    readLarge: ReadElement = async (bytes) => toBatchLine(textOf(bytes)),
  ) {
    this.#signal = signal;
    this.#slices = slices;
    this.#readLarge = readLarge;
  }

  get count(): number {
    return this.#ids.size;
  }

  /** Yields lines, several at a time. Throws `ApiError` 400 or 413, the signal's reason, and whatever `body` throws. */
  async *lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const splitter = new JsonArraySplitter();
    for await (const chunk of body) {
      const lines: Uint8Array[] = [];
      for (let at = 0; at < chunk.length; at += CHECK_INTERVAL_BYTES) {
        if (this.#slices.isPauseDue) await this.#slices.pause();
        const piece = chunk.subarray(at, at + CHECK_INTERVAL_BYTES);
        for (const element of splitter.write(piece)) lines.push(this.#line(await this.#read(element)));
      }
      if (lines.length > 0) yield Buffer.concat(lines);
    }
    splitter.end();
    if (this.count === 0) throw invalidRequest("requests: List should have at least 1 item after validation, not 0");
  }

  #read(bytes: Uint8Array<ArrayBuffer>): BatchElement | Promise<BatchElement> {
    if (bytes.length <= SMALL_ELEMENT_BYTES) return toBatchLine(textOf(bytes));
    new BodyBounds().take(bytes);
    return this.#readLarge(bytes, this.#signal);
  }

  #line({ extraField, custom_id, params, line }: BatchElement): Uint8Array {
    const at = `requests.${this.count}`;
    if (extraField !== undefined) throw extraInput(`${at}.${extraField}`);
    this.#add(custom_id, at);
    if (params === "missing") throw invalidRequest(`${at}.params: Field required`);
    if (params === "too deep") throw invalidRequest(`${at}.params: nested deeper than ${MAX_DEPTH} levels.`);
    if (!line) throw invalidRequest(`${at}.params: ${EXPECTED_OBJECT}`);
    return line;
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

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
