import type { CircuitBreaker, Permit } from "./circuitBreaker.ts";

/** Refusals after which a request is given up; a limit that others fill must not come near it by chance. */
const POISON_REJECTION_COUNT = 50;

/** Tells a request that upstream will never take, such as one too large for a limit, from one that had bad luck. */
export class PoisonDetector {
  readonly #breaker: CircuitBreaker;
  #lastSuccessCount: number;
  #count = 0;

  constructor(breaker: CircuitBreaker) {
    this.#breaker = breaker;
    this.#lastSuccessCount = breaker.successCount;
  }

  /**
   * The request was turned away. That speaks against itself only where it went ahead of all others, so that none took
   * its place, and where others got through since the last time, so that upstream was not closed to everybody.
   */
  isPoison(permit: Permit | undefined): boolean {
    if (!permit?.isProbe) return false;
    const { successCount } = this.#breaker;
    if (successCount > this.#lastSuccessCount) this.#count += 1;
    this.#lastSuccessCount = successCount;
    return this.#count >= POISON_REJECTION_COUNT;
  }
}
