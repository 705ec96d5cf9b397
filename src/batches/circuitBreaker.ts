import { setTimeout as delay } from "node:timers/promises";
import type { ApiError } from "../api/errors.ts";
import { PrioritySemaphore } from "../claude/prioritySemaphore.ts";
import { type Clock, Deadline, systemClock } from "../shared/clock.ts";

/** Until when batches are held back, and why; shown to people. */
export interface Pause {
  /** RFC 3339. */
  until: string;
  reason: string;
}

/** A request that may go now. */
export interface Permit {
  /** Whether it is the first one after a pause, for whose fate the others wait. */
  isProbe: boolean;
  /** Lets the others release: upstream has taken it, or it has ended in another way. */
  release(): void;
}

/** Milliseconds of the first pause and of the longest that is not upstream's own wish. */
export interface BackoffOptions {
  first: number;
  longest: number;
}

export const defaultBackoff: BackoffOptions = { first: 1000, longest: 60_000 };

/** Milliseconds: a longer wish outlives every batch that waits, and may be beyond what a time can say. */
const MAX_RETRY_AFTER_MS = 7 * 24 * 3600_000;

/** What a failure means for the rest: nobody gets through now, this one may try again, or it will always fail. */
export type FailureClass = "trip" | "retry" | "final";

/** Statuses under which the next request would fare no better: sign-in, credit, limits, overload. */
const TRIPPING_STATUSES = new Set([401, 402, 429, 529]);

export function classifyFailure(error: ApiError): FailureClass {
  const code = String(error.details?.error_code ?? "");
  if (TRIPPING_STATUSES.has(error.status) || code.startsWith("cli_") || code === "upstream_unreachable") {
    return "trip";
  }
  return error.status >= 500 || error.status === 408 ? "retry" : "final";
}

/**
 * Holds every batch back while upstream takes nothing: until the time it names (`retry-after`), else for a second, two,
 * four … with some jitter. After it one request goes ahead, and the others release when that one gets through: were all to
 * go at once, a limit with room for one would turn away the same request again and again.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #onPause: (pause: Pause) => void;
  /** Passed one by one, in the order of coming; the request that goes ahead keeps it closed. */
  readonly #queue = new PrioritySemaphore(1, Number.POSITIVE_INFINITY);
  /** Whether nobody has got through since the last pause. */
  #isHalfOpen = false;
  #deadline: Deadline | undefined;
  #reason = "";
  #pauseCount = 0;
  #successCount = 0;

  constructor(backoff: BackoffOptions, onPause: (pause: Pause) => void, clock = systemClock) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#onPause = onPause;
  }

  /** The pause that is on, if any. */
  get pause(): Pause | null {
    return this.#deadline && this.#deadline.left > 0 ? { until: String(this.#deadline), reason: this.#reason } : null;
  }

  /** Requests that got through so far. */
  get successCount(): number {
    return this.#successCount;
  }

  /** Resolves when a request may go. Throws the signal's reason when it is aborted. */
  async acquire(signal: AbortSignal): Promise<Permit> {
    const release = await this.#queue.acquire(signal);
    try {
      // in short steps, since a timer does not run while the computer sleeps
      for (let left = this.#remaining; left > 0; left = this.#remaining) {
        await delay(Math.min(left, this.#backoff.longest), undefined, { signal });
      }
    } catch (error) {
      release();
      throw error;
    }
    const isProbe = this.#isHalfOpen;
    if (!isProbe) release();
    return { isProbe, release };
  }

  get #remaining(): number {
    return this.#deadline?.left ?? 0;
  }

  onSuccess(): void {
    this.#pauseCount = 0;
    // what was sent before a pause says nothing of what comes after it
    if (!this.pause) this.#isHalfOpen = false;
    this.#successCount += 1;
  }

  /** Upstream took nothing. Requests that were under way together count once. */
  trip(error: ApiError): void {
    this.#isHalfOpen = true;
    const wish = Math.min(1000 * Number(error.headers["retry-after"] ?? Number.NaN), MAX_RETRY_AFTER_MS);
    const named = wish > 0;
    if (this.pause && !named) return;
    if (!this.pause) this.#pauseCount += 1;
    const wait = named ? wish : backoffDelay(this.#pauseCount, this.#backoff);
    if (wait <= this.#remaining) return;
    this.#deadline = new Deadline(wait, this.#clock);
    this.#reason = error.message;
    const { pause } = this;
    if (pause) this.#onPause(pause);
  }
}

/** Milliseconds to wait after the nth failure in a row: doubled each time, with a quarter of jitter. */
export function backoffDelay(failures: number, { first, longest }: BackoffOptions): number {
  const full = Math.min(longest, first * 2 ** (failures - 1));
  return full * (0.75 + 0.25 * Math.random());
}
