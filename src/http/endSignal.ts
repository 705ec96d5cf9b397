import type { Context } from "koa";
import { requestTimedOut } from "../api/errors.ts";

/** Aborted when the client goes away before its answer is complete, or the time is up (milliseconds; 0 for never). */
export function endSignal(context: Context, closed: Promise<void>, timeout: number): AbortSignal {
  const controller = new AbortController();
  const timer = timeout > 0 ? setTimeout(() => controller.abort(requestTimedOut(timeout)), timeout) : undefined;
  void closed.then(() => {
    clearTimeout(timer);
    if (!context.res.writableFinished) controller.abort();
  });
  return controller.signal;
}
