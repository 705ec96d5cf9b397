/** Two clocks, in milliseconds: the first never goes back, but may stop while the computer sleeps. */
export interface Clock {
  monotonic(): number;
  /** Since the epoch. */
  wall(): number;
}

export const systemClock: Clock = { monotonic: () => performance.now(), wall: () => Date.now() };

/** A moment that comes as soon as one of the clocks says so, so that neither a clock set back nor a sleep delays it. */
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

  /** Milliseconds until then; 0 once it has come. */
  get left(): number {
    return Math.max(0, Math.min(this.#monotonic - this.#clock.monotonic(), this.#wall - this.#clock.wall()));
  }

  /** RFC 3339, by the wall clock of when it was set. */
  toString(): string {
    return new Date(this.#wall).toISOString();
  }
}
