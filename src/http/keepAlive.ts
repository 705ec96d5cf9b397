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
  let elapse = () => {};
  // one timer for the whole stream: a new one for each event would cost more than all else here
  const timer = setTimeout(() => elapse(), interval);
  try {
    for (let next = iterator.next(); ; ) {
      timer.refresh();
      const result = await new Promise<IteratorResult<StreamEvent> | undefined>((resolve, reject) => {
        elapse = () => resolve(undefined);
        next.then(resolve, reject);
      });
      if (!result) {
        yield PING;
        continue;
      }
      if (result.done) return;
      yield result.value;
      next = iterator.next();
    }
  } finally {
    clearTimeout(timer);
    await iterator.return?.();
  }
}
