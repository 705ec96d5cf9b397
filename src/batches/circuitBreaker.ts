import { setTimeout as delay } from "node:timers/promises";
import type { ApiError } from "../api/errors.ts";
import { Slots } from "../claude/slots.ts";
import { type Clock, Deadline, systemClock } from "../shared/clock.ts";

/** Until when batches are held back, and why; shown to people. */
export interface Pause {
  /** RFC 3339. */
  until: string;
  reason: string;
}

/** A request that may go now. */
export interface Go {
  /** Whether it is the first one after a pause, for whose fate the others wait. */
  ahead: boolean;
  /** Lets the others follow: upstream has taken it, or it has ended in another way. */
  follow(): void;
}

/** Milliseconds of the first pause and of the longest that is not upstream's own wish. */
export interface BackoffOptions {
  first: number;
  longest: number;
}

export const defaultBackoff: BackoffOptions = { first: 1000, longest: 60_000 };

/** Milliseconds: a longer wish outlives every batch that waits, and may be beyond what a time can say. */
const LONGEST_WISH = 7 * 24 * 3600_000;

/** What a failure means for the rest: nobody gets through now, this one may try again, or it will always fail. */
export type Verdict = "everybody waits" | "try again" | "final";

/** Statuses under which the next request would fare no better: sign-in, credit, limits, overload. */
const EVERYBODYS = new Set([401, 402, 429, 529]);

export function verdictOn(error: ApiError): Verdict {
  const code = String(error.details?.error_code ?? "");
  if (EVERYBODYS.has(error.status) || code.startsWith("cli_") || code === "upstream_unreachable") {
    return "everybody waits";
  }
  return error.status >= 500 || error.status === 408 ? "try again" : "final";
}

/**
 * Holds every batch back while upstream takes nothing: until the time it names (`retry-after`), else for a second, two,
 * four … with some jitter. After it one request goes ahead, and the others follow when that one gets through: were all to
 * go at once, a limit with room for one would turn away the same request again and again.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #onPause: (pause: Pause) => void;
  /** Passed one by one, in the order of coming; the request that goes ahead keeps it closed. */
  readonly #gate = new Slots(1, Number.POSITIVE_INFINITY);
  /** Whether nobody has got through since the last pause. */
  #doubtful = false;
  #until: Deadline | undefined;
  #reason = "";
  #pauses = 0;
  #passed = 0;

  constructor(backoff: BackoffOptions, onPause: (pause: Pause) => void, clock = systemClock) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#onPause = onPause;
  }

  /** The pause that is on, if any. */
  get pause(): Pause | null {
    return this.#until && this.#until.left > 0 ? { until: String(this.#until), reason: this.#reason } : null;
  }

  /** Requests that got through so far. */
  get passed(): number {
    return this.#passed;
  }

  /** Resolves when a request may go. Throws the signal's reason when it is aborted. */
  async ready(signal: AbortSignal): Promise<Go> {
    const follow = await this.#gate.acquire(signal);
    try {
      // in short steps, since a timer does not run while the computer sleeps
      for (let left = this.#left; left > 0; left = this.#left) {
        await delay(Math.min(left, this.#backoff.longest), undefined, { signal });
      }
    } catch (error) {
      follow();
      throw error;
    }
    const ahead = this.#doubtful;
    if (!ahead) follow();
    return { ahead, follow };
  }

  get #left(): number {
    return this.#until?.left ?? 0;
  }

  letThrough(): void {
    this.#pauses = 0;
    // what was sent before a pause says nothing of what comes after it
    if (!this.pause) this.#doubtful = false;
    this.#passed += 1;
  }

  /** Upstream took nothing. Requests that were under way together count once. */
  hold(error: ApiError): void {
    this.#doubtful = true;
    const wish = Math.min(1000 * Number(error.headers["retry-after"] ?? Number.NaN), LONGEST_WISH);
    const named = wish > 0;
    if (this.pause && !named) return;
    if (!this.pause) this.#pauses += 1;
    const wait = named ? wish : backoffOf(this.#pauses, this.#backoff);
    if (wait <= this.#left) return;
    this.#until = new Deadline(wait, this.#clock);
    this.#reason = error.message;
    const { pause } = this;
    if (pause) this.#onPause(pause);
  }
}

/** Milliseconds to wait after the nth failure in a row: doubled each time, with a quarter of jitter. */
export function backoffOf(failures: number, { first, longest }: BackoffOptions): number {
  const full = Math.min(longest, first * 2 ** (failures - 1));
  return full * (0.75 + 0.25 * Math.random());
}
