import type { TransportName } from "./transport.ts";

/** What is fixed for the life of a worker. */
export interface WorkerKey<System = string> {
  transport: TransportName;
  /** Empty where the system prompt travels with the request. */
  system: System;
  /** Betas that the CLI is started with; none where they travel with the request. */
  betas: readonly string[];
  /** For work that nobody waits for: behind all other requests, on workers of low priority. */
  background?: boolean;
}

/** The key of a worker without system prompt. */
export const plainKey = (transport: TransportName): WorkerKey => ({ transport, system: "", betas: [] });

/** The same for equal keys. */
export function nameOf({ transport, system, betas, background = false }: WorkerKey): string {
  return JSON.stringify([transport, system, betas, background]);
}
