import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { parseSecret, SECRET_FILE } from "../shared/proof.ts";
import {
  connectProven,
  type ProofFailure,
  type ReadSecret,
  responseTo,
  UnprovenServerError,
} from "./provenConnection.ts";
import { oneLine } from "./texts.ts";

/** Longest time for a whole probe, however slowly the server answers. */
const PROBE_TIMEOUT_MS = 2000;

/** Bounds of an answer. */
const MAX_ANSWER_BYTES = 1_048_576;
const MAX_BATCH_COUNT = 1000;

/** A pause in which no requests are sent. */
interface BatchPause {
  /** RFC 3339. */
  until: string;
  /** In English. */
  reason: string;
  /** The reason as a descriptor, as the server sent it. */
  message?: unknown;
}

/** A batch that has not ended. The API's own counts do not change before its end. */
export interface RunningBatch {
  id: string;
  total: number;
  /** Requests that have a result. */
  done: number;
  paused: BatchPause | null;
}

/**
 * The result of a probe: our server, with its running requests and batches, or why it is not. Ours also times out while
 * its extension host is busy.
 */
export type ProbeResult = { kind: "ours"; requests: number; batches: RunningBatch[] } | { kind: ProofFailure };

/**
 * Returns a function that reads the secret shared by the servers of a data directory; undefined if it cannot be read,
 * which proves no server.
 */
export function secretIn(dataDir: string): ReadSecret {
  return async () => parseSecret(await readFile(join(dataDir, SECRET_FILE), "utf8").catch(() => ""));
}

/** Probes a base URL. Sends only a challenge until the server has proved that it is ours. */
export function prober(readSecret: ReadSecret, timeout = PROBE_TIMEOUT_MS): (url: string) => Promise<ProbeResult> {
  return async (url) => {
    const signal = AbortSignal.timeout(timeout);
    try {
      const connection = await connectProven(new URL(url), readSecret, signal);
      try {
        return read(await bodyOf(await responseTo(connection.request({ path: "/health", signal }).end())));
      } finally {
        connection.close();
      }
    } catch (error) {
      if (error instanceof UnprovenServerError) return { kind: error.reason };
      return { kind: signal.aborted ? "timeout" : "foreign" };
    }
  };
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error("The answer is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Reads the parts of an answer that have the expected form: the server may be of another version. */
function read(body: string): ProbeResult {
  const { requests, batches } = JSON.parse(body);
  const running = Array.isArray(batches) ? batches.slice(0, MAX_BATCH_COUNT).flatMap(toRunningBatch) : [];
  return { kind: "ours", requests: toCount(requests?.running), batches: running };
}

function toRunningBatch(batch: Partial<RunningBatch> | null): RunningBatch[] {
  if (typeof batch?.id !== "string") return [];
  const { paused } = batch;
  const pause = paused && {
    until: oneLine(String(paused.until)),
    reason: oneLine(String(paused.reason)),
    ...(paused.message !== undefined && { message: paused.message }),
  };
  return [{ id: oneLine(batch.id), total: toCount(batch.total), done: toCount(batch.done), paused: pause || null }];
}

function toCount(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : 0;
}
