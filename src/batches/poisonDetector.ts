import type { CircuitBreaker, Permit } from "./circuitBreaker.ts";

/** High enough that a rate limit which other clients exhaust does not reach it by chance. */
const POISON_REJECTION_COUNT = 50;

/** Detects a request that upstream will never accept, such as one larger than a rate limit. */
export class PoisonDetector {
  readonly #breaker: CircuitBreaker;
  #lastSuccessCount: number;
  #count = 0;

  constructor(breaker: CircuitBreaker) {
    this.#breaker = breaker;
    this.#lastSuccessCount = breaker.successCount;
  }

  /**
   * Counts a rejection only of a probe, which no other request competes with, and only if others have succeeded since
   * the last one, which shows that upstream was available.
   */
  isPoison(permit: Permit | undefined): boolean {
    if (!permit?.isProbe) return false;
    const { successCount } = this.#breaker;
    if (successCount > this.#lastSuccessCount) this.#count += 1;
    this.#lastSuccessCount = successCount;
    return this.#count >= POISON_REJECTION_COUNT;
  }
}
