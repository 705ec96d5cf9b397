import { isObject } from "../api/isObject.ts";

/** Fields of one object that are looked at: more than any body has. */
const MAX_FIELDS = 100;

/** The JSON string of a large text, in UTF-8: encoded on the reader's thread, and written to the CLI without another copy. */
export class EncodedText {
  #literal: Uint8Array<ArrayBuffer> | undefined;
  /** The numbers of the body that the text holds: the CLI takes some out of upstream's errors. */
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

  /** Frees the bytes, even while the object is in use. */
  drop(): void {
    this.#literal = undefined;
  }
}

/** The JSON string of a text, as bytes. */
export function literalOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(text));
}

/** The numeric fields of a body and of its objects. Leaves out lists. */
export function numbersOf(body: Record<string, unknown>): Record<string, unknown> {
  const numbers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body).slice(0, MAX_FIELDS)) {
    if (typeof value === "number") numbers[name] = value;
    // the API has none deeper than one level
    else if (isObject(value)) numbers[name] = numbersWithin(value);
  }
  return numbers;
}

function numbersWithin(value: Record<string, unknown>): object {
  const fields = Object.entries(value).slice(0, MAX_FIELDS);
  return Object.fromEntries(fields.filter(([, inner]) => typeof inner === "number"));
}
