interface Announced {
  count: number;
  waiting: (() => void)[];
}

/** Workers that are about to become idle, by key. */
export class PendingWorkers {
  readonly #byKey = new Map<string, Announced>();

  /** Announces a worker that becomes idle when `arrival` settles. */
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

  /** Waits for an announced worker that no other request waits for. Resolves at once if there is none. */
  async next(key: string): Promise<void> {
    const announced = this.#byKey.get(key);
    if (!announced || announced.waiting.length >= announced.count) return;
    await new Promise<void>((resolve) => announced.waiting.push(resolve));
  }
}
