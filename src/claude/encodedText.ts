import { isObject } from "../api/isObject.ts";

/** More than any body has. */
const MAX_FIELDS = 100;

/**
 * A text as the JSON string that stands for it, in UTF-8: a large one is encoded elsewhere, and written to the CLI without
 * another copy.
 */
export class EncodedText {
  #literal: Uint8Array<ArrayBuffer> | undefined;
  /** The numbers of the body that the text is, which upstream's errors may have to be completed with. */
  readonly numbers: Record<string, unknown>;

  constructor(literal: Uint8Array<ArrayBuffer>, numbers: Record<string, unknown>) {
    this.#literal = literal;
    this.numbers = numbers;
  }

  /** Throws after `drop`. */
  get literal(): Uint8Array<ArrayBuffer> {
    if (!this.#literal) throw new Error("The text was dropped.");
    return this.#literal;
  }

  /** Frees the memory, whoever still has the object. */
  drop(): void {
    this.#literal = undefined;
  }
}

/** The JSON string of a text, as bytes. */
export function literalOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(text));
}

/** What of a body is numbers, without its lists. */
export function numbersOf(body: Record<string, unknown>): Record<string, unknown> {
  const numbers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body).slice(0, MAX_FIELDS)) {
    if (typeof value === "number") numbers[name] = value;
    // one level is as deep as the API has any
    else if (isObject(value)) numbers[name] = numbersWithin(value);
  }
  return numbers;
}

function numbersWithin(value: Record<string, unknown>): object {
  const fields = Object.entries(value).slice(0, MAX_FIELDS);
  return Object.fromEntries(fields.filter(([, inner]) => typeof inner === "number"));
}
