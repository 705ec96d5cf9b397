/** Workers that will be idle in a moment, by key. */
export class Arrivals {
  readonly #byKey = new Map<string, Set<Promise<void>>>();

  /** A worker with this key will be idle as soon as `arrival` settles, which is returned. */
  expect(key: string, arrival: Promise<void>): Promise<void> {
    const expected = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, expected.add(arrival));
    const forget = () => {
      expected.delete(arrival);
      if (expected.size === 0) this.#byKey.delete(key);
    };
    arrival.then(forget, forget);
    return arrival;
  }

  /** Resolves when the next worker with this key is there or has failed; at once where none is expected. */
  async next(key: string): Promise<void> {
    await Promise.race(this.#byKey.get(key) ?? [undefined]).catch(() => {});
  }
}
