import type { Context } from "koa";
import type { StreamEvent } from "../../api/events.ts";
import { fold } from "../../api/fold.ts";
import { parseMessagesRequest } from "../../api/messagesRequest.ts";
import { type RunContext, run } from "../../messages/run.ts";
import type { Logger } from "../../shared/logger.ts";
import type { ApiState } from "../middleware/apiVersion.ts";
import { sse } from "../sse.ts";

/** `POST /v1/messages`: parse, run, answer with the stream or with its fold. */
export function createMessage(runContext: RunContext, logger: Logger) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, betas } = context.state as ApiState;
    const request = parseMessagesRequest(context.request.body, apiVersion);
    const events = run(runContext, request, betas, goneSignal(context));
    // until the first event the status is open: a failure before it is answered with its own
    const first = await events.next();
    if (first.done) return;
    if (!request.stream) {
      context.body = await fold(prepend(first.value, events));
      return;
    }
    context.type = "text/event-stream; charset=utf-8";
    context.set("cache-control", "no-cache");
    context.body = sse(first.value, events, logger);
  };
}

/** Aborted when the client goes away before its answer is complete. */
function goneSignal(context: Context): AbortSignal {
  const controller = new AbortController();
  context.res.once("close", () => {
    if (!context.res.writableFinished) controller.abort();
  });
  return controller.signal;
}

async function* prepend(first: StreamEvent, rest: AsyncIterable<StreamEvent>): AsyncGenerator<StreamEvent> {
  yield first;
  yield* rest;
}
