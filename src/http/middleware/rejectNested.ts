import type { Context, Middleware } from "koa";
import { callsItself } from "../../api/accessErrors.ts";
import { SESSION_HEADER } from "../../claude/loopDetection.ts";
import type { Pool } from "../../claude/pool.ts";
import type { RequestFacts } from "../../messages/readRequest.ts";
import type { Logger } from "../../shared/logger.ts";

/**
 * Refuses a request that one of our own workers has sent, before its key is looked at, which may be for Anthropic, and
 * before it takes a place, for which the worker's own request would wait.
 */
export function rejectNested(pool: Pool, logger: Logger): Middleware {
  let isLogged = false;
  return async (context, next) => {
    if (!pool.isLoop({ session: context.get(SESSION_HEADER) })) return next();
    const error = callsItself();
    if (!isLogged) logger.error(error.message);
    isLogged = true;
    throw error;
  };
}

/** Throws for a request that comes back to us through another server, which only its body shows. */
export function throwIfNested(pool: Pool, context: Context, { origin }: Pick<RequestFacts, "origin">): void {
  if (pool.isLoop({ session: context.get(SESSION_HEADER), ...origin })) throw callsItself();
}
