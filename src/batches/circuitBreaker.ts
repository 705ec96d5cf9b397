import { setTimeout as delay } from "node:timers/promises";
import type { ApiError } from "../api/errors.ts";
import type { MessageDescriptor } from "../api/messageDescriptors.ts";
import { PrioritySemaphore } from "../claude/pool/prioritySemaphore.ts";
import { type Clock, DAY_MS, Deadline, systemClock } from "../shared/clock.ts";

/** Until when batches are paused, and why; shown to the user. */
export interface Pause {
  /** RFC 3339. */
  until: string;
  reason: string;
  /** The reason for user interfaces in other languages. */
  message?: MessageDescriptor;
}

/** Allows one request to be sent. */
export interface Permit {
  /** Whether this is the one request sent after a pause; the others wait for it. */
  isProbe: boolean;
  /** Lets the other requests follow. Call it once upstream has accepted the request, or it has ended. */
  release(): void;
}

/** The first and the longest pause without a `retry-after`. */
export interface BackoffOptions {
  initialMs: number;
  maxMs: number;
}

export const defaultBackoff: BackoffOptions = { initialMs: 1000, maxMs: 60_000 };

/** A longer `retry-after` would outlive every batch, and could exceed the range of dates. */
const MAX_RETRY_AFTER_MS = 7 * DAY_MS;

/** What to do after a failure: pause all batches, retry this request, or give it up. */
export type FailureClass = "trip" | "retry" | "final";

/** Statuses that would fail the next request as well: sign-in, credit, limits, overload. */
const TRIPPING_STATUSES = new Set([401, 402, 429, 529]);

export function classifyFailure(error: ApiError): FailureClass {
  const code = String(error.details?.error_code ?? "");
  if (TRIPPING_STATUSES.has(error.status) || code.startsWith("cli_") || code === "upstream_unreachable") {
    return "trip";
  }
  return error.status >= 500 || error.status === 408 ? "retry" : "final";
}

/**
 * Pauses all batches while upstream rejects requests: until its `retry-after`, else with exponential backoff. Then,
 * half-open, permits one request as a probe, and the others once it is accepted. Otherwise a limit with room for one
 * request could reject the same one again and again.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #onPause: (pause: Pause) => void;
  /** Admits one request at a time, in order of arrival. The probe occupies the slot until it is released. */
  readonly #queue = new PrioritySemaphore(1, Number.POSITIVE_INFINITY);
  /** Whether no request has succeeded since the last pause. */
  #isHalfOpen = false;
  #deadline: Deadline | undefined;
  #reason = "";
  #message: MessageDescriptor | undefined;
  #pauseCount = 0;
  #successCount = 0;

  constructor(backoff: BackoffOptions, onPause: (pause: Pause) => void, clock = systemClock) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#onPause = onPause;
  }

  get pause(): Pause | null {
    if (!this.#deadline || this.#deadline.remainingMs <= 0) return null;
    return { until: String(this.#deadline), reason: this.#reason, ...(this.#message && { message: this.#message }) };
  }

  get successCount(): number {
    return this.#successCount;
  }

  /** Resolves when a request may be sent. Throws the signal's reason on abort. */
  async acquire(signal: AbortSignal): Promise<Permit> {
    const release = await this.#queue.acquire(signal);
    try {
      // in short steps, because timers stop while the computer sleeps
      for (let left = this.#remaining; left > 0; left = this.#remaining) {
        await delay(Math.min(left, this.#backoff.maxMs), undefined, { signal });
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
    return this.#deadline?.remainingMs ?? 0;
  }

  onSuccess(): void {
    this.#pauseCount = 0;
    // during a pause, the success of an earlier request proves nothing
    if (!this.pause) this.#isHalfOpen = false;
    this.#successCount += 1;
  }

  /** Starts or extends a pause. Counts the failures of concurrent requests once. */
  trip(error: ApiError): void {
    this.#isHalfOpen = true;
    const retryAfter = Math.min(1000 * Number(error.headers["retry-after"] ?? Number.NaN), MAX_RETRY_AFTER_MS);
    const isGiven = retryAfter > 0;
    if (this.pause && !isGiven) return;
    if (!this.pause) this.#pauseCount += 1;
    const wait = isGiven ? retryAfter : backoffDelay(this.#pauseCount, this.#backoff);
    if (wait <= this.#remaining) return;
    this.#deadline = new Deadline(wait, this.#clock);
    this.#reason = error.message;
    this.#message = error.descriptor;
    const { pause } = this;
    if (pause) this.#onPause(pause);
  }
}

/** Milliseconds after the nth consecutive failure: doubled each time, with 25 % jitter. */
export function backoffDelay(failures: number, { initialMs, maxMs }: BackoffOptions): number {
  const full = Math.min(maxMs, initialMs * 2 ** (failures - 1));
  return full * (0.75 + 0.25 * Math.random());
}
