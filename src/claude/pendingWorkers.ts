interface Expected {
  /** Workers that are to come. */
  count: number;
  /** Ends the waits of those who wait for one, first come first. */
  waiting: (() => void)[];
}

/** Workers that will be idle in a moment, by key. */
export class PendingWorkers {
  readonly #byKey = new Map<string, Expected>();

  /** A worker with this key will be idle as soon as `arrival` settles, which is returned. */
  expect(key: string, arrival: Promise<void>): Promise<void> {
    const expected = this.#byKey.get(key) ?? { count: 0, waiting: [] };
    this.#byKey.set(key, expected);
    expected.count += 1;
    const arrive = () => {
      expected.count -= 1;
      if (expected.count === 0) this.#byKey.delete(key);
      expected.waiting.shift()?.();
    };
    arrival.then(arrive, arrive);
    return arrival;
  }

  /**
   * Resolves when a worker with this key, for which no other request waits, is there or has failed; at once where none is
   * expected.
   */
  async next(key: string): Promise<void> {
    const expected = this.#byKey.get(key);
    if (!expected || expected.waiting.length >= expected.count) return;
    await new Promise<void>((resolve) => expected.waiting.push(resolve));
  }
}
