import { hasExpiredKey } from "./helperKey.ts";
import type { Cli } from "./locate.ts";
import { residentBytes } from "./memory.ts";
import type { Worker } from "./worker.ts";

export interface WearLimits {
  maxRequestsPerWorker: number;
  maxWorkerMemory: number;
}

export interface WearParts extends WearLimits {
  /** Whether this CLI was replaced, or another one may be preferred to it now. */
  isOutdated(cli: Cli): Promise<boolean>;
}

/**
 * Whether a fresh worker should take the place of this one: a CLI grows with the requests that it serves, and one that was
 * updated would be noticed late where every request finds an idle worker.
 */
export async function isWornOut(worker: Worker, parts: WearParts): Promise<boolean> {
  if (worker.served >= parts.maxRequestsPerWorker || hasExpiredKey(worker)) return true;
  if (worker.cli && (await parts.isOutdated(worker.cli))) return true;
  const { pid = -1 } = worker;
  return ((await residentBytes([pid])).get(pid) ?? 0) > parts.maxWorkerMemory;
}
