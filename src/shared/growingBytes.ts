export class GrowingBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(expected: number) {
    this.#bytes = new Uint8Array(expected);
  }

  add(chunk: Uint8Array): void {
    const needed = this.length + chunk.length;
    if (needed > this.#bytes.length) this.#resize(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.set(chunk, this.length);
    this.length = needed;
  }

  /** Returns the collected bytes. Add nothing afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    if (this.length < this.#bytes.length) this.#resize(this.length);
    return this.#bytes;
  }

  #resize(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
  }
}
