import type { Context, Middleware } from "koa";
import { requestLoop } from "../../api/accessErrors.ts";
import { SESSION_HEADER } from "../../claude/pool/loopDetection.ts";
import type { Pool } from "../../claude/pool/pool.ts";
import type { RequestFacts } from "../../messages/readRequest.ts";
import type { Logger } from "../../shared/logger.ts";

/**
 * Rejects a request from one of our own workers. Runs before the key check, because the worker may send Anthropic's
 * key, and before queueing, because the worker would wait for itself.
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

/** Throws for a worker's request that came through another server, which only the body reveals. */
export function throwIfNested(pool: Pool, context: Context, { origin }: Pick<RequestFacts, "origin">): void {
  if (pool.isLoop({ session: context.get(SESSION_HEADER), ...origin })) throw requestLoop();
}
