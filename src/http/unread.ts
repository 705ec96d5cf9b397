import type { ServerResponse } from "node:http";

/** Milliseconds of an unread answer after which others who wait for its place come first. */
const PATIENCE_OF_OTHERS = 30_000;

export interface UnreadOptions {
  /** Milliseconds for which an answer may stay unread; 0 for any time. */
  timeout: number;
  /** Whether other requests wait for a place. */
  othersWait(): boolean;
  /** Is told, with the milliseconds, once the answer has been unread for too long; ends it. */
  giveUp(unread: number): void;
  patience?: number;
  now?(): number;
}

/**
 * Watches that a client reads its answer. The socket's own timer fires when no byte could be handed to the system for a
 * while, which is also so while there is none to hand over.
 */
export function watchUnread(
  response: Pick<ServerResponse, "setTimeout" | "on" | "writableLength">,
  { timeout, othersWait, giveUp, patience = PATIENCE_OF_OTHERS, now = () => performance.now() }: UnreadOptions,
): void {
  if (timeout === 0) return;
  const step = Math.min(timeout, patience);
  let unread = 0;
  let firedAt = Number.NEGATIVE_INFINITY;
  response.on("drain", () => {
    unread = 0;
  });
  const fired = () => {
    // a timer that came late has seen progress in between
    if (now() - firedAt > 1.5 * step) unread = 0;
    firedAt = now();
    unread = response.writableLength === 0 ? 0 : unread + step;
    if (unread >= timeout || (unread > 0 && othersWait())) giveUp(unread);
    else response.setTimeout(step);
  };
  response.setTimeout(step, fired);
}
