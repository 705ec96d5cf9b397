import { setImmediate as nextImmediate } from "node:timers/promises";

const TURN_MS = 5;

/** Bounds the work of many readers per turn of the event loop. Once it is spent, one reader resumes per turn. */
export class EventLoopBudget {
  readonly #now: () => number;
  #start: number | undefined;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** True when `nextTurn` is due. Check it first, so that a loop does not create a promise per step. */
  get isSpent(): boolean {
    const now = this.#now();
    if (this.#start === undefined) {
      this.#start = now;
      setImmediate(() => {
        // another turn's work may have begun before this callback
        if (this.#start === now) this.#start = undefined;
      });
    }
    return now - this.#start >= TURN_MS;
  }

  /** Resolves with a full budget, in a turn in which no other caller resumes. */
  nextTurn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(async () => {
      await nextImmediate();
      this.#start = undefined;
    });
    return this.#lastTurn;
  }
}
