import type { Context, Middleware } from "koa";
import { requestLoop } from "../../api/accessErrors.ts";
import { SESSION_HEADER } from "../../claude/loopDetection.ts";
import type { Pool } from "../../claude/pool.ts";
import type { RequestFacts } from "../../messages/readRequest.ts";
import type { Logger } from "../../shared/logger.ts";

/**
 * Rejects a request that one of our own workers sent. Runs before the key is checked, because the worker may send
 * Anthropic's, and before the request is queued, because the worker's turn would wait for it forever.
 */
export function rejectNested(pool: Pool, logger: Logger): Middleware {
  let isLogged = false;
  return async (context, next) => {
    if (!pool.isLoop({ session: context.get(SESSION_HEADER) })) return next();
    const error = requestLoop();
    if (!isLogged) logger.error(error.message);
    isLogged = true;
    throw error;
  };
}

/** Throws for a worker's request that came back through another server, which only the body reveals. */
export function throwIfNested(pool: Pool, context: Context, { origin }: Pick<RequestFacts, "origin">): void {
  if (pool.isLoop({ session: context.get(SESSION_HEADER), ...origin })) throw requestLoop();
}
