import type { TransportName } from "../transport/transport.ts";

/** What is fixed for the life of a worker. */
export interface WorkerKey<System = string> {
  transport: TransportName;
  /** Empty if requests carry the system prompt. */
  system: System;
  /** Betas that the CLI is started with; none if requests carry them. */
  betas: readonly string[];
  /** For low-priority work: queued behind other requests, on low-priority workers. */
  background?: boolean;
}

export const plainKey = (transport: TransportName): WorkerKey => ({ transport, system: "", betas: [] });

/** A string that is the same for equal keys. */
export function serializeKey({ transport, system, betas, background = false }: WorkerKey): string {
  return JSON.stringify([transport, system, betas, background]);
}
