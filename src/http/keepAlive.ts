import type { StreamEvent } from "../api/events.ts";

/** Milliseconds of silence that no proxy or client on the way takes for a dead connection. */
const INTERVAL = 10_000;

const PING: StreamEvent = { type: "ping" };

/**
 * Passes events on, with a `ping` whenever none came for `interval` milliseconds, as during long thinking: the API's own
 * ones do not get through the CLI. Only for an answer that has begun (contract: "Streaming").
 */
export async function* keepAlive(
  events: AsyncIterable<StreamEvent>,
  interval = INTERVAL,
): AsyncGenerator<StreamEvent, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ; ) {
      const result = await within(interval, next);
      if (result?.done) return;
      yield result?.value ?? PING;
      if (result) next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

/** What the promise resolves with; undefined when that takes longer. */
function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
