export interface JsonLimits {
  depth: number;
  values: number;
  members: number;
}

/** After so many bytes without an escape, `indexOf` finds the next one faster. */
const MIN_SEARCH_BYTES = 64;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACKET = 0x5d;
const CLOSING_BRACE = 0x7d;

/** Measures a JSON text chunk by chunk, without validating it. */
export class JsonScan {
  readonly #limits: JsonLimits;
  readonly #commas: Uint32Array;
  #depth = 0;
  #values = 0;
  #isString = false;
  #escapes = false;

  constructor(limits: JsonLimits) {
    this.#limits = limits;
    this.#commas = new Uint32Array(limits.depth + 1);
  }

  /** Returns the limit that the text exceeds. Do not call again after that. */
  add(chunk: Uint8Array): keyof JsonLimits | undefined {
    for (let at = 0; at < chunk.length; at++) {
      if (this.#isString) at = this.#skipString(chunk, at);
      else {
        const exceeded = this.#take(chunk[at] as number);
        if (exceeded) return exceeded;
      }
    }
    return undefined;
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
      // a long run without escapes, such as an image
      if (plain > MIN_SEARCH_BYTES && !this.#escapes) at = nextQuoteOrBackslash(chunk, at + 1) - 1;
    }
    return chunk.length;
  }

  #take(byte: number): keyof JsonLimits | undefined {
    switch (byte) {
      case QUOTE:
        this.#isString = true;
        return undefined;
      case COMMA:
        return this.#countMember();
      case OPENING_BRACKET:
      case OPENING_BRACE:
        return this.#open();
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        if (this.#depth > 0) this.#depth -= 1;
    }
    return undefined;
  }

  #open(): keyof JsonLimits | undefined {
    this.#depth += 1;
    if (this.#depth > this.#limits.depth) return "depth";
    this.#commas[this.#depth] = 0;
    return this.#count();
  }

  #countMember(): keyof JsonLimits | undefined {
    const commas = (this.#commas[this.#depth] as number) + 1;
    this.#commas[this.#depth] = commas;
    return commas >= this.#limits.members ? "members" : this.#count();
  }

  #count(): keyof JsonLimits | undefined {
    this.#values += 1;
    return this.#values > this.#limits.values ? "values" : undefined;
  }
}

function nextQuoteOrBackslash(chunk: Uint8Array, from: number): number {
  const quote = chunk.indexOf(QUOTE, from);
  const end = quote === -1 ? chunk.length : quote;
  const backslash = chunk.subarray(from, end).indexOf(BACKSLASH);
  return backslash === -1 ? end : from + backslash;
}
