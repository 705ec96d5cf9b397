import { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import type { MessagesRequest } from "../api/messagesRequest.ts";
import type { Pool } from "../claude/pool.ts";
import { prepare } from "./prepare.ts";

export interface RunContext {
  pool: Pool;
  modelMap: Record<string, string>;
}

/**
 * The one way to Claude: a checked request in, upstream's own events out, with exactly one upstream call.
 * Throws `ApiError`; ends early, and stops the call, when `signal` is aborted, with its reason if that is an `ApiError`.
 */
export async function* run(
  context: RunContext,
  request: MessagesRequest,
  betas: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void, undefined> {
  const { key, turn } = prepare(request, betas, context.modelMap);
  for (let last = false; ; last = true) {
    const lease = await context.pool.lease(key, signal);
    let spent = false;
    try {
      signal.throwIfAborted();
      yield* lease.worker.run(turn, signal);
      if (signal.reason instanceof ApiError) throw signal.reason;
      return;
    } catch (error) {
      // a worker that died before it called upstream has cost nothing, so another one takes over, once
      if (!last && !lease.worker.alive && !lease.worker.sent) continue;
      // a worker keeps the sign-in it was started with
      spent = error instanceof ApiError && error.status === 401;
      throw error;
    } finally {
      lease.release(spent);
    }
  }
}
