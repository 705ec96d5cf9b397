import { Emitter } from "../shared/emitter.ts";

/** Counts the requests that are being answered. */
export class InFlight {
  readonly #changed = new Emitter<number>();
  #running = 0;
  #served = 0;

  get running(): number {
    return this.#running;
  }

  /** Requests of any kind so far. */
  get total(): number {
    return this.#served;
  }

  count(): void {
    this.#served += 1;
  }

  /** Counts a request in until its answer is closed. */
  track(closed: Promise<void>): void {
    this.#add(1);
    void closed.then(() => this.#add(-1));
  }

  /** Calls back with the number of running requests whenever it changes; returns what ends that. */
  onChange(listener: (running: number) => void): () => void {
    return this.#changed.on(listener);
  }

  /** Resolves when nothing runs. */
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
