import { Tokenizer, TokenType } from "@streamparser/json";
import { MAX_DEPTH } from "../api/depth.ts";
import { ApiError, invalidRequest, requestTooLarge } from "../api/errors.ts";
import { concatBytes } from "../shared/concatBytes.ts";

/** Same limit as for a single request (docs: "Request size limits"). */
const MAX_ELEMENT_BYTES = 32 * 1024 * 1024;

/** Characters of a client's field name that an error message repeats. */
const MAX_SHOWN_LENGTH = 256;

const NOT_AN_OBJECT = "Input should be a valid dictionary or object to extract fields from";

/** The tokenizer skips a byte order mark without counting its bytes. */
const BOM_FIRST_BYTE = 0xef;
const BOM_LENGTH = 3;

/** What the parser expects next in `{"requests": [{…}, {…}]}`. */
type Step = "object" | "key" | "colon" | "list" | "first" | "element" | "comma" | "next" | "close" | "extra" | "end";

/**
 * Splits `{"requests": [{…}, {…}]}` while it arrives, by a tokenizer's offsets, so that one element is in memory at a
 * time.
 */
export class JsonArraySplitter {
  /** Without a string buffer, the tokenizer would keep every escape as a separate string. */
  readonly #tokenizer = new Tokenizer({ stringBufferSize: 4096 });
  /** The bytes still needed, from `#base` to `#end` in the tokenizer's offsets. */
  #chunks: Uint8Array[] = [];
  #base = 0;
  #end = 0;
  #step: Step = "object";
  /** Open brackets in the current element. */
  #depth = 0;
  /** Where the current element, or else the last token, begins. */
  #start = 0;
  #count = 0;
  #complete: Uint8Array<ArrayBuffer>[] = [];

  constructor() {
    this.#tokenizer.onToken = ({ token, value, offset }) => {
      if (this.#step !== "element") this.#start = offset;
      this.#step = this.#after(token, value, offset);
    };
    this.#tokenizer.onError = (error) => {
      // also receives what `onToken` throws
      throw error instanceof ApiError ? error : malformed(error.message);
    };
  }

  /** Adds bytes and returns the text of the elements that they complete. Throws `ApiError` 400 or 413. */
  write(chunk: Uint8Array): Uint8Array<ArrayBuffer>[] {
    if (this.#end === 0 && chunk[0] === BOM_FIRST_BYTE) this.#base = this.#end = -BOM_LENGTH;
    this.#chunks.push(chunk);
    this.#end += chunk.length;
    this.#complete = [];
    this.#tokenizer.write(chunk);
    this.#requireSize(this.#end);
    if (this.#step !== "element") this.#dropBefore(this.#end);
    return this.#complete;
  }

  /** Call at the end of the body. Throws `ApiError` 400 if it is incomplete. */
  end(): void {
    this.#tokenizer.end();
    if (this.#step !== "end") throw malformed("it is incomplete");
  }

  #after(token: TokenType, value: unknown, offset: number): Step {
    switch (this.#step) {
      case "object":
        if (token !== TokenType.LEFT_BRACE) throw invalidRequest(NOT_AN_OBJECT);
        return "key";
      case "key":
        if (token === TokenType.RIGHT_BRACE) throw invalidRequest("requests: Field required");
        if (token === TokenType.STRING && value === "requests") return "colon";
        throw unexpectedKey(token, value);
      case "colon":
        return nextStep({ [TokenType.COLON]: "list" }, token);
      case "list":
        if (token !== TokenType.LEFT_BRACKET) throw invalidRequest("requests: Input should be a valid list");
        return "first";
      case "first":
        return token === TokenType.RIGHT_BRACKET ? "close" : this.#beginElement(token, offset);
      case "next":
        return this.#beginElement(token, offset);
      case "element":
        return this.#continueElement(token, offset);
      case "comma":
        return nextStep({ [TokenType.COMMA]: "next", [TokenType.RIGHT_BRACKET]: "close" }, token);
      case "close":
        return nextStep({ [TokenType.COMMA]: "extra", [TokenType.RIGHT_BRACE]: "end" }, token);
      case "extra":
        throw unexpectedKey(token, value);
      case "end":
        throw malformed("unexpected data after its end");
    }
  }

  #beginElement(token: TokenType, offset: number): Step {
    if (token !== TokenType.LEFT_BRACE) throw invalidRequest(`requests.${this.#count}: ${NOT_AN_OBJECT}`);
    this.#dropBefore(offset);
    this.#depth = 1;
    return "element";
  }

  #continueElement(token: TokenType, offset: number): Step {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#enterLevel();
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth -= 1;
    if (this.#depth > 0) return "element";
    this.#requireSize(offset + 1);
    this.#complete.push(concatBytes(this.#chunks, offset + 1 - this.#start));
    this.#count += 1;
    this.#start = offset + 1;
    // otherwise a second copy of a large element would stay in memory until the next one begins
    this.#dropBefore(this.#start);
    return "comma";
  }

  #enterLevel(): void {
    this.#depth += 1;
    // params are one level below their element
    if (this.#depth <= MAX_DEPTH + 1) return;
    throw invalidRequest(`requests.${this.#count}.params: nested deeper than ${MAX_DEPTH} levels.`);
  }

  /** Bounds an element, and anything between two elements, because it is held in memory. */
  #requireSize(end: number): void {
    if (end - this.#start > MAX_ELEMENT_BYTES) throw requestTooLarge("32 MB for one request of a batch");
  }

  #dropBefore(offset: number): void {
    let [first] = this.#chunks;
    while (first && this.#base + first.length <= offset) {
      this.#base += first.length;
      this.#chunks.shift();
      [first] = this.#chunks;
    }
    if (first && offset > this.#base) {
      this.#chunks[0] = first.subarray(offset - this.#base);
      this.#base = offset;
    }
  }
}

function nextStep(steps: Partial<Record<TokenType, Step>>, token: TokenType): Step {
  const step = steps[token];
  if (!step) throw malformed(`an unexpected ${TokenType[token]}`);
  return step;
}

function unexpectedKey(token: TokenType, key: unknown): Error {
  if (token !== TokenType.STRING) return malformed(`an unexpected ${TokenType[token]}`);
  return extraInput(String(key));
}

/** Shortens the name, because a name that fills a request would make the response as large. */
export function extraInput(name: string): Error {
  return invalidRequest(`${name.slice(0, MAX_SHOWN_LENGTH)}: Extra inputs are not permitted`);
}

function malformed(reason: string): Error {
  return invalidRequest(`The request body is not valid JSON: ${reason}`);
}
