import type { Cli } from "../locate/locate.ts";
import { residentBytes } from "../process/memory.ts";
import { hasExpiredKey } from "../signIn/helperKey.ts";
import type { Worker } from "../worker.ts";

export interface WearLimits {
  maxRequestsPerWorker: number;
  maxWorkerMemory: number;
}

export interface WearParts extends WearLimits {
  /** Whether this CLI was replaced, or another may now take its place. */
  isOutdated(cli: Cli): Promise<boolean>;
}

/**
 * Whether to replace this worker: the CLI's memory grows with each request, and only a return shows that the CLI was
 * updated.
 */
export async function isWornOut(worker: Worker, parts: WearParts): Promise<boolean> {
  if (worker.served >= parts.maxRequestsPerWorker || hasExpiredKey(worker)) return true;
  if (worker.cli && (await parts.isOutdated(worker.cli))) return true;
  const { pid = -1 } = worker;
  return ((await residentBytes([pid])).get(pid) ?? 0) > parts.maxWorkerMemory;
}
