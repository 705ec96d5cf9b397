interface Announced {
  /** Workers on their way. */
  count: number;
  /** Callers waiting for one, first come, first served. */
  waiting: (() => void)[];
}

/** Workers that are about to become idle, by key. */
export class PendingWorkers {
  readonly #byKey = new Map<string, Announced>();

  /** Announces a worker with this key that becomes idle when `arrival` settles. Returns `arrival`. */
  announce(key: string, arrival: Promise<void>): Promise<void> {
    const announced = this.#byKey.get(key) ?? { count: 0, waiting: [] };
    this.#byKey.set(key, announced);
    announced.count += 1;
    const arrive = () => {
      announced.count -= 1;
      if (announced.count === 0) this.#byKey.delete(key);
      announced.waiting.shift()?.();
    };
    arrival.then(arrive, arrive);
    return arrival;
  }

  /**
   * Waits for an announced worker that no other request waits for. Resolves at once if there is none, and also if the
   * worker failed.
   */
  async next(key: string): Promise<void> {
    const announced = this.#byKey.get(key);
    if (!announced || announced.waiting.length >= announced.count) return;
    await new Promise<void>((resolve) => announced.waiting.push(resolve));
  }
}
