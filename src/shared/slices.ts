import { setImmediate } from "node:timers/promises";

const SLICE_MS = 10;

/** Divides CPU-bound work into slices. All tasks of one slicer share one slice per turn of the event loop. */
export class Slicer {
  #lastTurn: Promise<void> = Promise.resolve();

  /** Aborting `signal` ends the work at its next pause. */
  begin(signal: AbortSignal): Slices {
    return new Slices(signal, () => {
      this.#lastTurn = this.#lastTurn.then(() => setImmediate());
      return this.#lastTurn;
    });
  }
}

export class Slices {
  readonly #signal: AbortSignal;
  readonly #nextTurn: () => Promise<void>;
  readonly #now: () => number;
  #start: number;

  constructor(signal: AbortSignal, nextTurn: () => Promise<void>, now = () => performance.now()) {
    this.#signal = signal;
    this.#nextTurn = nextTurn;
    this.#now = now;
    this.#start = now();
  }

  /** True when `pause` is due. Check it first, so that a loop does not create a promise per step. */
  get isPauseDue(): boolean {
    return this.#now() - this.#start >= SLICE_MS;
  }

  /** Lets the event loop run. Throws the signal's reason if the work is aborted. */
  async pause(): Promise<void> {
    this.#signal.throwIfAborted();
    await this.#nextTurn();
    this.#signal.throwIfAborted();
    this.#start = this.#now();
  }
}
