import { Emitter } from "../shared/emitter.ts";

export class InFlight {
  readonly #changed = new Emitter<number>();
  #running = 0;
  #total = 0;

  get running(): number {
    return this.#running;
  }

  /** Requests since the start, including those that are never in flight. */
  get total(): number {
    return this.#total;
  }

  countRequest(): void {
    this.#total += 1;
  }

  /** Counts a request as in flight until its response is closed. */
  track(closed: Promise<void>): void {
    this.#add(1);
    void closed.then(() => this.#add(-1));
  }

  /** Calls the listener whenever the number of requests in flight changes; returns a function that removes it. */
  onChange(listener: (running: number) => void): () => void {
    return this.#changed.on(listener);
  }

  /** Resolves when no request is in flight. */
  async idle(): Promise<void> {
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      const off = this.onChange((running) => {
        if (running > 0) return;
        off();
        resolve();
      });
    });
  }

  #add(change: number): void {
    this.#running += change;
    this.#changed.emit(this.#running);
  }
}
