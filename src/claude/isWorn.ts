import { hasOldKey } from "./helperKey.ts";
import { hasChanged } from "./locate.ts";
import { residentBytes } from "./memory.ts";
import type { Worker } from "./worker.ts";

export interface WearBounds {
  maxRequestsPerWorker: number;
  maxWorkerMemory: number;
}

/**
 * Whether a fresh worker should take the place of this one: a CLI grows with the requests that it serves, and one that was
 * updated would be noticed late where every request finds an idle worker.
 */
export async function isWorn(worker: Worker, bounds: WearBounds): Promise<boolean> {
  if (worker.served >= bounds.maxRequestsPerWorker || hasOldKey(worker)) return true;
  if (worker.cli && (await hasChanged(worker.cli))) return true;
  const { pid = -1 } = worker;
  return ((await residentBytes([pid])).get(pid) ?? 0) > bounds.maxWorkerMemory;
}
