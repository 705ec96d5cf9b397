import { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import { UsageMeter } from "../api/usage.ts";
import type { Lease, Pool } from "../claude/pool/pool.ts";
import type { WorkerKey } from "../claude/pool/workerKey.ts";
import { TransportUnavailable } from "../claude/transport/transport.ts";
import type { TurnRequest } from "../claude/transport/turnRequest.ts";
import { TurnSession } from "../claude/turnSession.ts";
import type { ReadMessage } from "./requestReader.ts";
import { stripPlaceholderToken } from "./stripPlaceholderToken.ts";

export interface RunServices {
  pool: Pool;
  ledger: { record(meter: UsageMeter, failed: boolean): void };
  models: { note(name: string): void };
}

export interface RunOptions {
  /** Stops the call. Its reason is thrown if it is an `ApiError`. */
  signal: AbortSignal;
  /** Called with upstream's headers before the first event. */
  onHeaders?: (headers: Record<string, string>) => void;
  meter?: UsageMeter;
  onEvent?: (event: StreamEvent) => void;
  /** True for low priority: no client waits for the answer. */
  background?: boolean;
  /** For requests that may be withdrawn until they are sent. */
  admission?: Admission;
}

/** Decides whether a request that waits for a worker is sent. */
export interface Admission {
  /** Ends the wait, but not a request that was sent. Aborted no later than the request's signal. */
  signal: AbortSignal;
  /** Called once a worker is leased. Throws to withdraw the request. */
  confirm(): void;
}

/**
 * The only way to the model: sends a checked request in exactly one upstream call, and yields upstream's events in
 * batches. Throws `ApiError`.
 */
export async function* run(
  { pool, ledger, models }: RunServices,
  request: ReadMessage,
  options: RunOptions,
): AsyncGenerator<StreamEvent[], void, undefined> {
  const { signal, meter = new UsageMeter(request.model), onEvent = () => {} } = options;
  let failed = false;
  try {
    for await (const batch of send(pool, request, options)) {
      // upstream answers, so the body is not needed again
      request.release();
      for (const event of batch) meter.see(event);
      if (batch.some(isStart)) models.note(request.model);
      const passed = request.isPrewarming ? batch.flatMap((event) => stripPlaceholderToken(event) ?? []) : batch;
      for (const event of passed) onEvent(event);
      if (passed.length > 0) yield passed;
    }
  } catch (error) {
    failed = true;
    // the reason for the end, not the failure that followed
    throw signal.reason instanceof ApiError ? signal.reason : error;
  } finally {
    request.release();
    ledger.record(meter, failed);
  }
}

const isStart = ({ type }: StreamEvent) => type === "message_start";

async function* send(
  pool: Pool,
  request: ReadMessage,
  { signal, onHeaders = () => {}, background = false, admission }: RunOptions,
): AsyncGenerator<StreamEvent[], void, undefined> {
  for (let last = false; ; last = true) {
    const { lease, turn } = await leaseFor(pool, request, (key) => [
      { ...key, background },
      admission?.signal ?? signal,
      last,
    ]);
    const { worker } = lease;
    let session: TurnSession | undefined;
    let discard = false;
    try {
      signal.throwIfAborted();
      admission?.confirm();
      session = worker.begin(new TurnSession(worker, turn));
      for await (const batch of session.run(signal)) {
        if (batch.some(isStart)) {
          pool.noteAnswer();
          onHeaders(session.headers);
        }
        yield batch;
      }
      if (signal.reason instanceof ApiError) throw signal.reason;
      return;
    } catch (error) {
      // no call was sent and nothing was charged, so a fresh worker takes over, once
      if (!last && session?.canHandOver) continue;
      discard = error instanceof ApiError && error.status === 401;
      if (discard) pool.renew();
      throw error;
    } finally {
      lease.release(discard);
    }
  }
}

/** Leases a worker. Prepares the request for the overlay if it cannot be rewritten. */
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
