import { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import { UsageMeter } from "../api/usage.ts";
import type { Lease, Pool } from "../claude/pool.ts";
import { TransportUnavailable } from "../claude/transport.ts";
import type { TurnRequest } from "../claude/turnRequest.ts";
import type { WorkerKey } from "../claude/workerKey.ts";
import type { ReadMessage } from "./requestReader.ts";
import { stripPlaceholderToken } from "./stripPlaceholderToken.ts";

export interface RunContext {
  pool: Pool;
  /** Is told of every request that has ended. */
  ledger: { record(meter: UsageMeter, failed: boolean): void };
  /** Notes each name of a model to which upstream has answered. */
  models?: { note(name: string): void };
  /** Is told of upstream's headers before the first event. */
  onHeaders?: (headers: Record<string, string>) => void;
  /** Reads the counts off the answer; without it, a meter of the run's. */
  meter?: UsageMeter;
  /** Called with each event that is passed on. */
  onEvent?: (event: StreamEvent) => void;
  /** Whether nobody waits for the answer, so that all others go first. */
  background?: boolean;
  /** For requests that may change their mind until they are sent. */
  admission?: Admission;
}

/** What decides, besides the signal of the whole request, whether one that waits for a worker is sent. */
export interface Admission {
  /** Ends the wait, but nothing that was sent; aborted no later than the signal of the request. */
  signal: AbortSignal;
  /** Has the last word once there is a worker: throws when the request is not to be sent. */
  confirm(): void;
}

/**
 * The one way to Claude: a checked request in, upstream's own events out in batches, with exactly one upstream call.
 * Throws `ApiError`; ends early, and stops the call, when `signal` is aborted, with its reason if that is an `ApiError`.
 */
export async function* run(
  context: RunContext,
  request: ReadMessage,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent[], void, undefined> {
  const { models, meter = new UsageMeter(request.model), onEvent = () => {} } = context;
  let failed = false;
  try {
    for await (const batch of send(context, request, signal)) {
      // nothing is sent again once upstream answers, so the body need not be kept until the end of a long stream
      request.release();
      for (const event of batch) meter.see(event);
      if (batch.some(isStart)) models?.note(request.model);
      const passed = request.isPrewarming ? batch.flatMap((event) => stripPlaceholderToken(event) ?? []) : batch;
      for (const event of passed) onEvent(event);
      if (passed.length > 0) yield passed;
    }
  } catch (error) {
    failed = true;
    // what ended the request is its reason, not what failed after that
    throw signal.reason instanceof ApiError ? signal.reason : error;
  } finally {
    request.release();
    context.ledger.record(meter, failed);
  }
}

const isStart = ({ type }: StreamEvent) => type === "message_start";

async function* send(
  { pool, onHeaders = () => {}, background = false, admission }: RunContext,
  request: ReadMessage,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent[], void, undefined> {
  for (let last = false; ; last = true) {
    const { lease, turn } = await leaseFor(pool, request, (key) => [
      { ...key, background },
      admission?.signal ?? signal,
      last,
    ]);
    let discard = false;
    try {
      signal.throwIfAborted();
      admission?.confirm();
      for await (const batch of lease.worker.run(turn, signal)) {
        if (batch.some(isStart)) {
          pool.noteAnswer();
          onHeaders(lease.worker.headers);
        }
        yield batch;
      }
      if (signal.reason instanceof ApiError) throw signal.reason;
      return;
    } catch (error) {
      // a request that no call was sent for has cost nothing, so a fresh worker takes it over, once
      if (!last && lease.worker.canHandOver) continue;
      discard = error instanceof ApiError && error.status === 401;
      if (discard) pool.renew();
      throw error;
    } finally {
      lease.release(discard);
    }
  }
}

/** Leases a worker for the request, which is prepared anew where it cannot travel as it was to. */
async function leaseFor(
  pool: Pool,
  request: ReadMessage,
  how: (key: WorkerKey) => Parameters<Pool["lease"]>,
): Promise<{ lease: Lease; turn: TurnRequest }> {
  const { key, turn } = await request.prepared;
  if (key.transport === "overlay" || pool.transport === "rewrite") {
    try {
      return { lease: await pool.lease(...how(key)), turn };
    } catch (error) {
      if (!(error instanceof TransportUnavailable)) throw error;
    }
  }
  const overlaid = await request.overlaid();
  return { lease: await pool.lease(...how(overlaid.key)), turn: overlaid.turn };
}
