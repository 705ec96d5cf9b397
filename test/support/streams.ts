/** Turns items into an asynchronous source. */
export async function* from<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items;
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Turns items into an asynchronous source of batches, each with the next item or two. */
export async function* batched<T>(items: readonly T[]): AsyncGenerator<T[], void, undefined> {
  for (let at = 0, size = 1; at < items.length; at += size, size = 3 - size) yield items.slice(at, at + size);
}

export async function collectBatches<T>(source: AsyncIterable<readonly T[]>): Promise<T[]> {
  return (await collect(source)).flat() as T[];
}

/** Whether a promise is undefined or has settled after pending microtasks and timers have run. */
export function isSettled(promise: Promise<unknown> | undefined): Promise<boolean> {
  const done = () => true;
  if (!promise) return Promise.resolve(true);
  const turnOver = new Promise<boolean>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([promise.then(done, done), turnOver]);
}
