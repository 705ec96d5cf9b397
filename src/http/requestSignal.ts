import type { Context } from "koa";
import { requestTimedOut, shuttingDown } from "../api/errors.ts";

export interface SignalOptions {
  /** Milliseconds that a request may take in total; 0 for no limit. */
  requestTimeout: number;
  closing: AbortSignal;
}

/** Returns a signal that is aborted when the client disconnects early, the request times out, or the server closes. */
export function requestSignal(
  context: Context,
  closed: Promise<void>,
  { requestTimeout: timeout, closing }: SignalOptions,
): AbortSignal {
  const controller = new AbortController();
  const close = () => controller.abort(shuttingDown());
  if (closing.aborted) close();
  closing.addEventListener("abort", close, { once: true });
  const timer = timeout > 0 ? setTimeout(() => controller.abort(requestTimedOut(timeout)), timeout) : undefined;
  void closed.then(() => {
    clearTimeout(timer);
    closing.removeEventListener("abort", close);
    if (!context.res.writableFinished) controller.abort();
  });
  return controller.signal;
}
