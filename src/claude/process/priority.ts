import { writeFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** Linux limits how often a user may set a session's priority (sched(7), "autogroup"). */
const AUTOGROUP_INTERVAL_MS = 100;
/** Sessions that may start at once. */
const AUTOGROUP_ATTEMPTS = 50;

/**
 * Lowers the priority of a process that leads its session; not to the minimum, which would starve it. Most Linux
 * desktops divide CPU time by session, so the session's is set as well.
 */
export async function lowerPriority(pid: number): Promise<void> {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
    if (process.platform === "linux") await lowerSession(pid);
  } catch {
    // it has ended, or the system does not schedule by session
  }
}

async function lowerSession(pid: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await writeFile(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_BELOW_NORMAL));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || attempt === AUTOGROUP_ATTEMPTS) throw error;
      await delay(AUTOGROUP_INTERVAL_MS * (1 + Math.random()));
    }
  }
}
