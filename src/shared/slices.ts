import { setImmediate } from "node:timers/promises";

/** Milliseconds of work after which the event loop runs. */
const SLICE_MS = 10;

/** Cuts work into slices. Of all work that was begun here, one slice runs per turn of the event loop. */
export class Slicer {
  #lastTurn: Promise<void> = Promise.resolve();

  /** `signal` ends the work at its next pause. */
  begin(signal: AbortSignal): Slices {
    return new Slices(signal, () => {
      this.#lastTurn = this.#lastTurn.then(() => setImmediate());
      return this.#lastTurn;
    });
  }
}

/** The slices of one piece of work. */
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

  /** Whether to call `pause`; spares loops a promise per step. */
  get isOver(): boolean {
    return this.#now() - this.#start >= SLICE_MS;
  }

  /** Lets the event loop run. Throws the signal's reason when the work is aborted. */
  async pause(): Promise<void> {
    this.#signal.throwIfAborted();
    await this.#nextTurn();
    this.#signal.throwIfAborted();
    this.#start = this.#now();
  }
}
