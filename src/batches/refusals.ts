import type { CircuitBreaker, Go } from "./circuitBreaker.ts";

/** Refusals after which a request is given up; a limit that others fill must not come near it by chance. */
const MAX_REFUSALS = 50;

/** Tells a request that upstream will never take, such as one too large for a limit, from one that had bad luck. */
export class Refusals {
  readonly #breaker: CircuitBreaker;
  #passedBefore: number;
  #count = 0;

  constructor(breaker: CircuitBreaker) {
    this.#breaker = breaker;
    this.#passedBefore = breaker.passed;
  }

  /**
   * The request was turned away. That speaks against itself only where it went ahead of all others, so that none took
   * its place, and where others got through since the last time, so that upstream was not closed to everybody.
   */
  concernOnly(go: Go | undefined): boolean {
    if (!go?.ahead) return false;
    const { passed } = this.#breaker;
    if (passed > this.#passedBefore) this.#count += 1;
    this.#passedBefore = passed;
    return this.#count >= MAX_REFUSALS;
  }
}
