import type { ServerResponse } from "node:http";

/** Milliseconds for which an answer may stay unread while other requests wait for its place. */
const CONTENDED_TIMEOUT_MS = 30_000;

/** Looks within a bound: Node's timer fires up to one step late. Shorter steps would not differ from a busy event loop. */
const STEPS_PER_TIMEOUT = 4;
const MIN_STEP_MS = 1000;

export interface UnreadOptions {
  /** Milliseconds for which an answer may stay unread; 0 for any time. */
  timeout: number;
  /** Whether other requests wait for a place. */
  isContended(): boolean;
  /** Called with the milliseconds once the answer was left unread for too long; must end it. */
  onTimeout(unread: number): void;
  contendedTimeout?: number;
  now?(): number;
}

/**
 * Gives up an answer that its client does not read. The socket's own timer fires when no byte was handed to the system
 * for a while, so also while there is none to hand over.
 */
export function watchUnread(
  response: Pick<ServerResponse, "setTimeout" | "on" | "writableLength">,
  {
    timeout,
    isContended,
    onTimeout,
    contendedTimeout = CONTENDED_TIMEOUT_MS,
    now = () => performance.now(),
  }: UnreadOptions,
): void {
  if (timeout === 0) return;
  const bound = Math.min(timeout, contendedTimeout);
  const step = Math.max(bound / STEPS_PER_TIMEOUT, Math.min(bound, MIN_STEP_MS));
  let unread = 0;
  let firedAt = Number.NEGATIVE_INFINITY;
  response.on("drain", () => {
    unread = 0;
  });
  const fired = () => {
    // the timer restarts with each byte, so one that fires late has seen progress
    if (now() - firedAt > 1.5 * step) unread = 0;
    firedAt = now();
    unread = response.writableLength === 0 ? 0 : unread + step;
    if (unread >= timeout || (unread >= contendedTimeout && isContended())) onTimeout(unread);
    else response.setTimeout(step);
  };
  response.setTimeout(step, fired);
}
