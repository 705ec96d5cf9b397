/** What is fixed for the life of a worker. */
export interface WorkerKey<System = string> {
  system: System;
  betas: readonly string[];
  /** For work that nobody waits for: behind all other requests, on workers of low priority. */
  background?: boolean;
}

/** The key of a worker without system prompt. */
export const PLAIN_KEY: WorkerKey = { system: "", betas: [] };

/** The same for equal keys. */
export function nameOf({ system, betas, background = false }: WorkerKey): string {
  return JSON.stringify([system, betas, background]);
}
