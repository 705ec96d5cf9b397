import type { Context } from "koa";
import { ApiError } from "../../api/errors.ts";
import type { StreamEvent } from "../../api/events.ts";
import { stringify } from "../../api/exactJson.ts";
import { fold } from "../../api/fold.ts";
import { DESCRIBE_HEADER } from "../../api/messageDescriptors.ts";
import type { Hold } from "../../messages/byteBudget.ts";
import type { Body, RequestReader } from "../../messages/requestReader.ts";
import { type RunContext, run } from "../../messages/run.ts";
import type { Logger } from "../../shared/logger.ts";
import { shorten } from "../../shared/shorten.ts";
import { setHeaders } from "../headers.ts";
import type { ApiState } from "../middleware/apiVersion.ts";
import { throwIfNested } from "../middleware/rejectNested.ts";
import type { RequestLog } from "../requestLog.ts";
import { requestSignal, type SignalOptions } from "../requestSignal.ts";
import { sse } from "../sse.ts";
import { watchUnread } from "../unread.ts";

export interface MessagesOptions extends RunContext, SignalOptions {
  reader: RequestReader;
  modelMap: Record<string, string>;
  /** Milliseconds for which a client may leave its response unread; 0 for no limit. */
  clientIdleTimeout: number;
  isContended(): boolean;
  /** Whether bodies and events are logged. Called for each line, because the setting may change. */
  traffic: () => boolean;
}

type MessagesState = ApiState & { requestLog: RequestLog; body: Body; hold?: Hold };

/** `POST /v1/messages`: responds with the event stream, or with the message it adds up to. */
export function createMessage(options: MessagesOptions, logger: Logger) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, betas, requestLog, body, hold } = context.state as MessagesState;
    const signal = requestSignal(context, requestLog.closed, options);
    const reading = {
      version: apiVersion,
      betas,
      modelMap: options.modelMap,
      transport: options.pool.transport,
      inBatch: false,
      isShown: options.traffic(),
    };
    const request = await options.reader.message(body, reading, { signal, hold });
    // if the client has already disconnected, nothing runs
    void requestLog.closed.then(request.release);
    requestLog.setModel(request.model);
    throwIfNested(options.pool, context, request);
    const id = context.response.get("request-id");
    const traffic = (arrow: string, content: object) => {
      if (options.traffic()) logger.info(`${id} ${arrow} ${shorten(content)}`);
    };
    if (request.shown !== undefined) logger.info(`${id} → ${request.shown}`);
    const onHeaders = (headers: Record<string, string>) => {
      // replaces our `request-id` by upstream's
      traffic("←", headers);
      setHeaders(context, headers);
    };
    watchUnread(context.res, {
      timeout: options.clientIdleTimeout,
      isContended: options.isContended,
      onTimeout: (unread) => {
        logger.warn(`${id}: connection closed, because the client did not read its response for ${unread / 1000} s`);
        context.res.destroy();
      },
    });
    const onEvent = (event: StreamEvent) => {
      requestLog.eventSent();
      traffic("←", event);
    };
    const events = run({ ...options, onHeaders, meter: requestLog.meter, onEvent }, request, signal);
    // returns the worker to the pool however the response ends
    void requestLog.closed.then(() => events.return());
    // no status is sent before the first event, so that an earlier failure can set it
    const first = await events.next();
    if (first.done) return;
    if (!request.stream) {
      context.body = stringify(await fold(prepend(first.value, events)));
      context.type = "application/json; charset=utf-8";
      return;
    }
    context.type = "text/event-stream; charset=utf-8";
    context.set("cache-control", "no-cache");
    context.body = sse(first.value, context.get(DESCRIBE_HEADER) ? describing(events) : events, logger);
  };
}

/** The same events; an error that ends them carries its descriptor on the wire. */
async function* describing<T>(events: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    yield* events;
  } catch (error) {
    throw error instanceof ApiError ? error.described() : error;
  }
}

async function* prepend<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}
