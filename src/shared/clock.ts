export const DAY_MS = 24 * 3600_000;

/** Two clocks, in milliseconds. The monotonic one never goes back, but may stop while the computer sleeps. */
export interface Clock {
  monotonic(): number;
  /** Since the epoch. */
  wall(): number;
}

export const systemClock: Clock = { monotonic: () => performance.now(), wall: () => Date.now() };

/** Expires as soon as either clock says so, so that neither a clock set back nor a sleep delays it. */
export class Deadline {
  readonly #clock: Clock;
  readonly #monotonic: number;
  readonly #wall: number;

  /** `wait` in milliseconds from now. */
  constructor(wait: number, clock: Clock) {
    this.#clock = clock;
    this.#monotonic = clock.monotonic() + wait;
    this.#wall = clock.wall() + wait;
  }

  /** Milliseconds until it expires; 0 afterwards. */
  get remainingMs(): number {
    return Math.max(0, Math.min(this.#monotonic - this.#clock.monotonic(), this.#wall - this.#clock.wall()));
  }

  /** RFC 3339, by the wall clock at creation. */
  toString(): string {
    return new Date(this.#wall).toISOString();
  }
}
