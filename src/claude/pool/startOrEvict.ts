import { isScarcity } from "../../api/cliErrors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Worker } from "../worker.ts";
import type { IdleWorkers } from "./idleWorkers.ts";

/** Each idle worker holds three file descriptors; a start briefly needs eight. */
const EVICTIONS_PER_START = 3;

/** Starts a worker; if the system is out of resources, stops idle ones and tries again. */
export async function startOrEvict(start: () => Promise<Worker>, idle: IdleWorkers, logger: Logger): Promise<Worker> {
  try {
    return await start();
  } catch (error) {
    const freed = isScarcity(error) ? idle.takeOldest(EVICTIONS_PER_START) : [];
    if (freed.length === 0) throw error;
    logger.info(`${freed.length} idle workers are stopped to free resources: ${(error as Error).message}`);
    await Promise.all(freed.map((worker) => worker.stop()));
    return await start();
  }
}
