/** How items that come in quick succession are gathered. */
export interface Gathering {
  /** Milliseconds between two batches; the first item after a pause does not wait. */
  interval: number;
  now?(): number;
}

/**
 * A bounded queue between one producer and one consumer: `push` waits while the consumer lags behind,
 * so a slow reader slows the source down instead of filling memory. The consumer takes all that is there at once: a step of
 * each reader on the way for every item would cost more than the items.
 */
export class Channel<T> implements AsyncIterable<T[]> {
  readonly #capacity: number;
  readonly #interval: number;
  readonly #now: () => number;
  #items: T[] = [];
  #ended = false;
  #error: unknown;
  #takenAt = Number.NEGATIVE_INFINITY;
  #wakeConsumer: (() => void) | undefined;
  /** Ends the gathering. */
  #hurry: (() => void) | undefined;
  #wakeProducer: (() => void) | undefined;

  constructor(capacity: number, { interval, now = () => performance.now() }: Gathering = { interval: 0 }) {
    this.#capacity = capacity;
    this.#interval = interval;
    this.#now = now;
  }

  /** Returns a promise where there is no room for the next item, which resolves once there is. After the end, items are dropped. */
  push(item: T): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#items.push(item);
    this.#wakeConsumer?.();
    return this.#isFull ? this.#room() : undefined;
  }

  /** What was pushed is still read; then the iteration ends, with `error` if there is one. The first end counts. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wakeConsumer?.();
    this.#hurry?.();
    this.#wakeProducer?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<T[], void, undefined> {
    return { next: () => this.#take() };
  }

  get #isFull(): boolean {
    return this.#items.length >= this.#capacity && !this.#ended;
  }

  async #room(): Promise<void> {
    this.#hurry?.();
    while (this.#isFull) {
      await new Promise<void>((resolve) => {
        this.#wakeProducer = resolve;
      });
    }
  }

  async #take(): Promise<IteratorResult<T[], void>> {
    while (this.#items.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
    }
    this.#wakeConsumer = undefined;
    const wait = this.#takenAt + this.#interval - this.#now();
    if (wait > 0 && !this.#isFull && !this.#ended) await this.#gather(wait);
    if (this.#items.length === 0) return this.#finish();
    const value = this.#items;
    this.#items = [];
    this.#takenAt = this.#now();
    this.#wakeProducer?.();
    return { done: false, value };
  }

  #gather(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #finish(): IteratorResult<T[], void> {
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }
}
