const ALPHABET = [...'aZ09 "\\{}\n\r\t\0é€😀', "\u2028", "\u2029", "\ufeff", "\ud800", "\udc00"];

/** A small seeded generator (mulberry32), to repeat a failing case. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 up to, but not including, `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  /** A text of awkward characters, including lone surrogates and line separators. */
  text(maximum: number): string {
    return Array.from({ length: this.below(maximum + 1) }, () => ALPHABET[this.below(ALPHABET.length)]).join("");
  }

  /** The bytes in pieces of random size, some empty. */
  *pieces(bytes: Buffer, maximum: number): Generator<Buffer> {
    for (let from = 0; from < bytes.length; ) {
      const to = from + this.below(maximum + 1);
      yield bytes.subarray(from, to);
      from = to;
    }
  }
}
