import { setImmediate as nextImmediate } from "node:timers/promises";

/** Milliseconds of work in one turn of the event loop. */
const TURN_MS = 5;

/** Bounds the work that many readers together do in one turn of the event loop; beyond it they go on one per turn. */
export class TurnBudget {
  readonly #now: () => number;
  /** When this turn's work began. */
  #start: number | undefined;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** Whether to await `nextTurn`; spares loops a promise per step. */
  get isSpent(): boolean {
    const now = this.#now();
    if (this.#start === undefined) {
      this.#start = now;
      setImmediate(() => {
        // unless another turn's work has begun before this callback
        if (this.#start === now) this.#start = undefined;
      });
    }
    return now - this.#start >= TURN_MS;
  }

  /** Resolves in a turn of the event loop in which no other caller goes on, with the whole budget. */
  nextTurn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(async () => {
      await nextImmediate();
      this.#start = undefined;
    });
    return this.#lastTurn;
  }
}
