import { requestTimedOut, shuttingDown } from "../api/errors.ts";
import type { ApiContext } from "./apiState.ts";

/** Returns a signal that is aborted when the response is complete or the client disconnects. */
export function closedSignal({ state }: Pick<ApiContext, "state">): AbortSignal {
  const controller = new AbortController();
  void state.requestLog.closed.then(() => controller.abort());
  return controller.signal;
}

/**
 * Returns a signal that is aborted when the client disconnects early, the request has taken `timeout` milliseconds (0
 * for no limit), or the server closes.
 */
export function requestSignal({ state, res }: ApiContext, timeout: number, closing: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const close = () => controller.abort(shuttingDown());
  if (closing.aborted) close();
  closing.addEventListener("abort", close, { once: true });
  const timer = timeout > 0 ? setTimeout(() => controller.abort(requestTimedOut(timeout)), timeout) : undefined;
  void state.requestLog.closed.then(() => {
    clearTimeout(timer);
    closing.removeEventListener("abort", close);
    if (!res.writableFinished) controller.abort();
  });
  return controller.signal;
}
