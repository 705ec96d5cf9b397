import { cliTooLarge } from "../../api/cliErrors.ts";
import type { ApiError } from "../../api/errors.ts";
import { residentBytes } from "./memory.ts";

/** A worker may grow by some hundred megabytes in between. */
const CHECK_INTERVAL_MS = 1000;

export interface Guarded {
  readonly pid: number | undefined;
  readonly isBusy: boolean;
  end(reason: ApiError): void;
}

/** Kills busy workers beyond `limit` resident bytes (Linux and macOS). Returns the function that stops it. */
export function guardMemory(workers: Iterable<Guarded>, limit: number, read = residentBytes): () => void {
  let isChecking = false;
  const check = async () => {
    if (isChecking) return;
    isChecking = true;
    const busy = [...workers].filter(({ isBusy }) => isBusy);
    // without sizes, the next check decides
    const sizes = await read(busy.flatMap(({ pid }) => pid ?? [])).catch(() => new Map<number, number>());
    for (const worker of busy) {
      if ((sizes.get(worker.pid ?? -1) ?? 0) > limit) worker.end(cliTooLarge(Math.round(limit / 1024 / 1024)));
    }
    isChecking = false;
  };
  const timer = setInterval(() => void check(), CHECK_INTERVAL_MS).unref();
  return () => clearInterval(timer);
}
