import { writeFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds in which Linux lets a user set the priority of one session (man page: sched(7), "autogroup"). */
const AUTOGROUP_INTERVAL_MS = 100;
/** Sessions that may be started together. */
const AUTOGROUP_ATTEMPTS = 50;

/**
 * Lets others go before a process, whose session is its own; not for ever, as the lowest priority would on a busy
 * machine. Its own priority tells Linux nothing where that divides the time among sessions, as most desktops do; there
 * the session's must be set, too.
 */
export async function lowerPriority(pid: number): Promise<void> {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
    if (process.platform === "linux") await lowerSession(pid);
  } catch {
    // it has ended already, or the system does not divide by session
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
