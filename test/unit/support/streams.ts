/** The items as an asynchronous source. */
export async function* from<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items;
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Whether a promise has settled once all that was ready to run has run. */
export function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const done = () => true;
  const turnOver = new Promise<boolean>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([promise.then(done, done), turnOver]);
}
