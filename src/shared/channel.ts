/**
 * A bounded queue between one producer and one consumer: `push` waits while the consumer lags behind,
 * so a slow reader slows the source down instead of filling memory. The consumer takes all that is there at once: a step of
 * each reader on the way for every item would cost more than the items.
 */
export class Channel<T> implements AsyncIterable<T[]> {
  readonly #capacity: number;
  #items: T[] = [];
  #ended = false;
  #error: unknown;
  #wakeConsumer: (() => void) | undefined;
  #wakeProducer: (() => void) | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Returns a promise where there is no room for the next item, which resolves once there is. After the end, items are dropped. */
  push(item: T): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#items.push(item);
    this.#wakeConsumer?.();
    return this.#isFull ? this.#room() : undefined;
  }

  /** What was pushed is still read; then the iteration ends, with `error` if there is one. The first end counts. */
  close(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wakeConsumer?.();
    this.#wakeProducer?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<T[], void, undefined> {
    return { next: () => this.#take() };
  }

  get #isFull(): boolean {
    return this.#items.length >= this.#capacity && !this.#ended;
  }

  async #room(): Promise<void> {
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
    if (this.#items.length === 0) return this.#finish();
    const value = this.#items;
    this.#items = [];
    this.#wakeProducer?.();
    return { done: false, value };
  }

  #finish(): IteratorResult<T[], void> {
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }
}
