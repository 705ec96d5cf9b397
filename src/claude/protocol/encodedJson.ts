type Bytes = Uint8Array<ArrayBuffer>;

/** A large JSON value in UTF-8, encoded on the reader's thread and written to the CLI without a copy. */
export class EncodedJson {
  #literal: Bytes | undefined;

  constructor(literal: Bytes) {
    this.#literal = literal;
  }

  get literal(): Bytes {
    if (!this.#literal) throw new Error("The JSON was dropped.");
    return this.#literal;
  }

  /** Frees the bytes, even while others hold this object. */
  drop(): void {
    this.#literal = undefined;
  }
}

export function literalOf(value: unknown): Bytes {
  return new TextEncoder().encode(JSON.stringify(value));
}
