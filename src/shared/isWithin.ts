import { setTimeout as delay } from "node:timers/promises";

/** Whether the promise resolves within so many milliseconds. */
export async function isWithin(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  const unwaited = new AbortController();
  const late = delay(milliseconds, false, { signal: unwaited.signal }).catch(() => false);
  const inTime = promise.then(() => true);
  return Promise.race([inTime, late]).finally(() => unwaited.abort());
}
