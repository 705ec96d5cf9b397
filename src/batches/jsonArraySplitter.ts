import { Tokenizer, TokenType } from "@streamparser/json";
import { MAX_DEPTH } from "../api/depth.ts";
import { ApiError, invalidRequest, requestTooLarge } from "../api/errors.ts";
import { concatBytes } from "../shared/concatBytes.ts";

/** Bytes one request of a batch may have: as many as a request of its own (docs: "Request size limits"). */
const MAX_ELEMENT_BYTES = 32 * 1024 * 1024;

/** Characters of a name that an answer repeats. */
const MAX_SHOWN_LENGTH = 256;

const NOT_AN_OBJECT = "Input should be a valid dictionary or object to extract fields from";

/** The first byte of a byte order mark, which the tokenizer passes over without counting it. */
const BOM_FIRST_BYTE = 0xef;
const BOM_LENGTH = 3;

/** What may come next in `{"requests": [{…}, {…}]}`. */
type Step = "object" | "key" | "colon" | "list" | "first" | "element" | "comma" | "next" | "close" | "extra" | "end";

/**
 * Cuts `{"requests": [{…}, {…}]}` into its elements while it arrives, so that no more than one is in memory.
 * The tokenizer tells where each begins and ends.
 */
export class JsonArraySplitter {
  /** A buffer of its own for strings: without one, each escape is kept as a string until its string ends. */
  readonly #tokenizer = new Tokenizer({ stringBufferSize: 4096 });
  /** The bytes from `#base` on that are still needed, up to `#end`. Offsets are the tokenizer's. */
  #chunks: Uint8Array[] = [];
  #base = 0;
  #end = 0;
  #step: Step = "object";
  /** Brackets open inside the present element. */
  #depth = 0;
  /** Where the present element begins, or else the last token. */
  #start = 0;
  #count = 0;
  #complete: Uint8Array<ArrayBuffer>[] = [];

  constructor() {
    this.#tokenizer.onToken = ({ token, value, offset }) => {
      if (this.#step !== "element") this.#start = offset;
      this.#step = this.#after(token, value, offset);
    };
    this.#tokenizer.onError = (error) => {
      // what is thrown above comes this way, too
      throw error instanceof ApiError ? error : malformed(error.message);
    };
  }

  /** Takes the next bytes and gives the text of the elements that are complete with them. Throws `ApiError` 400 or 413. */
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

  /** The body has ended. Throws `ApiError` 400 when it is not complete. */
  end(): void {
    this.#tokenizer.end();
    if (this.#step !== "end") throw malformed("it ends too early");
  }

  /** What may come after this token. */
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
        return oneOf({ [TokenType.COLON]: "list" }, token);
      case "list":
        if (token !== TokenType.LEFT_BRACKET) throw invalidRequest("requests: Input should be a valid list");
        return "first";
      case "first":
        return token === TokenType.RIGHT_BRACKET ? "close" : this.#begin(token, offset);
      case "next":
        return this.#begin(token, offset);
      case "element":
        return this.#inside(token, offset);
      case "comma":
        return oneOf({ [TokenType.COMMA]: "next", [TokenType.RIGHT_BRACKET]: "close" }, token);
      case "close":
        return oneOf({ [TokenType.COMMA]: "extra", [TokenType.RIGHT_BRACE]: "end" }, token);
      case "extra":
        throw unexpectedKey(token, value);
      case "end":
        throw malformed("something follows its end");
    }
  }

  #begin(token: TokenType, offset: number): Step {
    if (token !== TokenType.LEFT_BRACE) throw invalidRequest(`requests.${this.#count}: ${NOT_AN_OBJECT}`);
    this.#dropBefore(offset);
    this.#depth = 1;
    return "element";
  }

  #inside(token: TokenType, offset: number): Step {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#deepen();
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth -= 1;
    if (this.#depth > 0) return "element";
    this.#requireSize(offset + 1);
    this.#complete.push(concatBytes(this.#chunks, offset + 1 - this.#start));
    this.#count += 1;
    this.#start = offset + 1;
    // the chunks of a large element would be held a second time until the next one begins
    this.#dropBefore(this.#start);
    return "comma";
  }

  #deepen(): void {
    this.#depth += 1;
    // the params are a level below their element
    if (this.#depth <= MAX_DEPTH + 1) return;
    throw invalidRequest(`requests.${this.#count}.params: nested deeper than ${MAX_DEPTH} levels.`);
  }

  /** Neither an element nor anything between two of them may be larger, since it is held in memory. */
  #requireSize(end: number): void {
    if (end - this.#start > MAX_ELEMENT_BYTES) throw requestTooLarge("32 MB for one request of a batch");
  }

  /** Drops the bytes before this offset. */
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

function oneOf(steps: Partial<Record<TokenType, Step>>, token: TokenType): Step {
  const step = steps[token];
  if (!step) throw malformed(`an unexpected ${TokenType[token]}`);
  return step;
}

function unexpectedKey(token: TokenType, key: unknown): Error {
  if (token !== TokenType.STRING) return malformed(`an unexpected ${TokenType[token]}`);
  return extraInput(String(key));
}

/** Not the whole of a name that fills a request, since the answer would be as large. */
export function extraInput(name: string): Error {
  return invalidRequest(`${name.slice(0, MAX_SHOWN_LENGTH)}: Extra inputs are not permitted`);
}

function malformed(reason: string): Error {
  return invalidRequest(`The request body is not valid JSON: ${reason}`);
}
