import type { StreamEvent } from "../api/events.ts";
import { isWithin } from "../shared/isWithin.ts";

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
      if (!(await isWithin(interval, next))) {
        yield PING;
        continue;
      }
      const { done, value } = await next;
      if (done) return;
      yield value;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}
