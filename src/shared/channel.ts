/**
 * Bounded queue with back-pressure between one producer and one consumer. Yields everything queued as one array,
 * because one iteration step per item would cost more than handling the item.
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

  /** Returns a promise if the queue is now full; it resolves once there is room again. Drops items after `close`. */
  push(item: T): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#items.push(item);
    this.#wakeConsumer?.();
    return this.#isFull ? this.#waitForRoom() : undefined;
  }

  /** Ends the iteration after the items already queued, with `error` if given. Later calls are ignored. */
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

  async #waitForRoom(): Promise<void> {
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
