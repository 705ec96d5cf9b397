/** Workers that are about to become idle, by their key. */
export class Arrivals {
  readonly #expected = new Map<string, Set<Promise<void>>>();

  /** A worker with this key will be idle as soon as `arrival` settles. */
  expect(key: string, arrival: Promise<void>): void {
    const expected = this.#expected.get(key) ?? new Set();
    this.#expected.set(key, expected.add(arrival));
    const forget = () => {
      expected.delete(arrival);
      if (expected.size === 0) this.#expected.delete(key);
    };
    arrival.then(forget, forget);
  }

  /** Waits for the next one, which may not have become idle after all. Resolves with false where none is expected. */
  async next(key: string): Promise<boolean> {
    const expected = this.#expected.get(key);
    if (!expected) return false;
    await Promise.race(expected).catch(() => {});
    return true;
  }
}
