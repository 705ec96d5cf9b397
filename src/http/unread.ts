import type { ServerResponse } from "node:http";

/** Milliseconds for which a response may stay unread while other requests are queued. */
const CONTENDED_TIMEOUT_MS = 30_000;

/** Node's timer fires up to one step late, so a timeout is divided into steps. A busy event loop delays short steps. */
const STEPS_PER_TIMEOUT = 4;
const MIN_STEP_MS = 1000;

export interface UnreadOptions {
  /** Milliseconds for which a response may stay unread; 0 for no limit. */
  timeout: number;
  /** Whether other requests are queued. */
  isContended(): boolean;
  /** Called with the milliseconds for which the response was unread; must end it. */
  onTimeout(unread: number): void;
  contendedTimeout?: number;
  now?(): number;
}

/** Ends a response that its client does not read. The socket's timer also fires when there is nothing to send. */
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
    // each byte restarts the timer, so a late timer means progress
    if (now() - firedAt > 1.5 * step) unread = 0;
    firedAt = now();
    unread = response.writableLength === 0 ? 0 : unread + step;
    if (unread >= timeout || (unread >= contendedTimeout && isContended())) onTimeout(unread);
    else response.setTimeout(step);
  };
  response.setTimeout(step, fired);
}
