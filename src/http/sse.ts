import { Readable } from "node:stream";
import { ApiError, internal } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import type { Logger } from "../shared/logger.ts";

/**
 * Events as the body of a `text/event-stream` answer. The status is sent by now, so a failure becomes an `error`
 * event, after which the stream ends without `message_stop` (contract: "Streaming").
 */
export function sse(first: StreamEvent, rest: AsyncIterable<StreamEvent>, logger: Logger): Readable {
  async function* frames() {
    yield frame(first);
    try {
      for await (const event of rest) yield frame(event);
    } catch (error) {
      // the client is gone
      if ((error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE") return;
      if (!(error instanceof ApiError)) logger.error(`stream: ${(error as Error).stack}`);
      const told = error instanceof ApiError ? error : internal();
      yield frame(told.toEnvelope());
    }
  }
  return Readable.from(frames(), { objectMode: false });
}

/** One event; SDKs drop what comes without its `event:` line. */
export function frame(event: { type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
