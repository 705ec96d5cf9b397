/** Returns whether the promise resolves in time. Rejects if it does. */
export async function resolvesWithin(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  const inTime = promise.then(() => true);
  return Promise.race([inTime, late]).finally(() => clearTimeout(timer));
}
