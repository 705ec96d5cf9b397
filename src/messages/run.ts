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
 * Throws `ApiError`; ends early, and stops the call, when `signal` is aborted.
 */
export async function* run(
  { pool, modelMap }: RunContext,
  request: MessagesRequest,
  betas: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void, undefined> {
  const { key, turn } = prepare(request, betas, modelMap);
  const lease = await pool.lease(key, signal);
  let spent = false;
  try {
    yield* lease.worker.run(turn, signal);
  } catch (error) {
    // a worker keeps the sign-in it was started with
    spent = error instanceof ApiError && error.status === 401;
    if (spent) pool.forgetDescription();
    throw error;
  } finally {
    lease.release(spent);
  }
}
