import { MAX_DEPTH } from "./depth.ts";
import { invalidRequest } from "./errors.ts";

/** Values a body may hold: twice those of 100,000 messages of six blocks each. */
export const MAX_VALUES = 4_000_000;
/** Elements of one object or list: twice the messages there may be. JavaScript takes seconds over an object of millions. */
export const MAX_MEMBERS = 200_000;

/** Bytes of a string without an escape after which the next one is searched for. */
const SEARCHED = 64;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACKET = 0x5d;
const CLOSING_BRACE = 0x7d;

/**
 * Bounds depth and number of values of a JSON text while it arrives, before anything is built of it. Whether the text is
 * JSON is not looked at.
 */
export class BodyBounds {
  /** Commas so far in each open object or list. */
  readonly #commas = new Uint32Array(MAX_DEPTH + 1);
  #depth = 0;
  #values = 0;
  #isString = false;
  /** Whether the last byte of a string was a backslash that escapes the next one. */
  #escapes = false;

  /** Throws `ApiError` 400. */
  take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at++) {
      if (this.#isString) at = this.#skipString(chunk, at);
      else this.#see(chunk[at] as number);
    }
  }

  /** Position of the closing quote, or the end of the chunk. */
  #skipString(chunk: Uint8Array, from: number): number {
    let plain = 0;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#escapes) this.#escapes = false;
      else if (byte === BACKSLASH) this.#escapes = true;
      else if (byte === QUOTE) {
        this.#isString = false;
        return at;
      }
      plain = byte === BACKSLASH ? 0 : plain + 1;
      // a long stretch without escapes, such as an image, is searched many bytes at a time
      if (plain > SEARCHED && !this.#escapes) at = nextOf(chunk, at + 1) - 1;
    }
    return chunk.length;
  }

  #see(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#isString = true;
        break;
      case COMMA:
        this.#countMember();
        break;
      case OPENING_BRACKET:
      case OPENING_BRACE:
        this.#open();
        break;
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        if (this.#depth > 0) this.#depth -= 1;
        break;
    }
  }

  #open(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw invalidRequest(`The request body is nested deeper than ${MAX_DEPTH} levels.`);
    this.#commas[this.#depth] = 0;
    this.#count();
  }

  #countMember(): void {
    this.#commas[this.#depth] = (this.#commas[this.#depth] as number) + 1;
    if ((this.#commas[this.#depth] as number) >= MAX_MEMBERS) {
      throw invalidRequest(`The request body has an object or list of more than ${MAX_MEMBERS} elements.`);
    }
    this.#count();
  }

  #count(): void {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw invalidRequest(`The request body holds more than ${MAX_VALUES} values.`);
  }
}

/** Position of the next quote or backslash, or the end of the chunk. */
function nextOf(chunk: Uint8Array, from: number): number {
  const quote = chunk.indexOf(QUOTE, from);
  const end = quote === -1 ? chunk.length : quote;
  const backslash = chunk.subarray(from, end).indexOf(BACKSLASH);
  return backslash === -1 ? end : from + backslash;
}
