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

/** Milliseconds that a look may take in all, however a server spreads its answer. */
const TIMEOUT = 2000;

/** Bytes and batches an answer may have. */
const MAX_LENGTH = 1_048_576;
const MAX_BATCHES = 1000;

/** A batch that has not ended, with the progress that the API's own counts do not tell. */
export interface RunningBatch {
  id: string;
  total: number;
  /** Requests that have a result. */
  done: number;
  /** Until when (RFC 3339) nothing is sent, and why; null while it goes on. */
  paused: { until: string; reason: string } | null;
}

/**
 * Who is found at a base URL: a server that proved to be ours, with its running requests and batches, or why it is none.
 * One of ours is silent, too, while its extension host is busy.
 */
export type ProbeResult = { kind: "ours"; requests: number; batches: RunningBatch[] } | { kind: ProofFailure };

/** The secret that the servers of a data directory share. */
export function secretIn(dataDir: string): ReadSecret {
  return async () => parseSecret(await readFile(join(dataDir, SECRET_FILE), "utf8").catch(() => ""));
}

/** Looks who is at a base URL; sends nothing but a challenge until the server has proved itself. */
export function prober(readSecret: ReadSecret, timeout = TIMEOUT): (url: string) => Promise<ProbeResult> {
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
    if (length > MAX_LENGTH) throw new Error("The answer is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Takes of an answer what has the right form, since the server may be of another version. */
function read(body: string): ProbeResult {
  const { requests, batches } = JSON.parse(body);
  const running = Array.isArray(batches) ? batches.slice(0, MAX_BATCHES).flatMap(toRunningBatch) : [];
  return { kind: "ours", requests: toCount(requests?.running), batches: running };
}

function toRunningBatch(batch: Partial<RunningBatch> | null): RunningBatch[] {
  if (typeof batch?.id !== "string") return [];
  const { paused } = batch;
  const pause = paused ? { until: oneLine(String(paused.until)), reason: oneLine(String(paused.reason)) } : null;
  return [{ id: oneLine(batch.id), total: toCount(batch.total), done: toCount(batch.done), paused: pause }];
}

function toCount(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : 0;
}
