import { hasOldKey } from "./helperKey.ts";
import { residentBytes } from "./memory.ts";
import type { Worker } from "./worker.ts";

export interface WearBounds {
  maxRequestsPerWorker: number;
  maxWorkerMemory: number;
}

/** Whether a fresh worker should take the place of this one, since a CLI grows with the requests that it serves. */
export async function isWorn(worker: Worker, bounds: WearBounds): Promise<boolean> {
  if (worker.served >= bounds.maxRequestsPerWorker || hasOldKey(worker)) return true;
  const { pid = -1 } = worker;
  return ((await residentBytes([pid])).get(pid) ?? 0) > bounds.maxWorkerMemory;
}
