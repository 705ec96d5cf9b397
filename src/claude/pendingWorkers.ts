interface Expected {
  /** Workers on their way. */
  count: number;
  /** Callers waiting for one, first come, first served. */
  waiting: (() => void)[];
}

/** Workers that are about to become idle, by key. */
export class PendingWorkers {
  readonly #byKey = new Map<string, Expected>();

  /** Announces a worker with this key that becomes idle when `arrival` settles. Returns `arrival`. */
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
   * Waits for an announced worker that no other request waits for. Resolves at once if there is none, and also if the
   * worker failed.
   */
  async next(key: string): Promise<void> {
    const expected = this.#byKey.get(key);
    if (!expected || expected.waiting.length >= expected.count) return;
    await new Promise<void>((resolve) => expected.waiting.push(resolve));
  }
}
