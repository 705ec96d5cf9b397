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
import { type EndOptions, endSignal } from "../endSignal.ts";
import { setHeaders } from "../headers.ts";
import type { ApiState } from "../middleware/apiVersion.ts";
import { throwIfNested } from "../middleware/rejectNested.ts";
import type { RequestLog } from "../requestLog.ts";
import { sse } from "../sse.ts";
import { watchUnread } from "../unread.ts";

export interface MessagesOptions extends RunContext, EndOptions {
  reader: RequestReader;
  modelMap: Record<string, string>;
  /** Milliseconds for which a client may leave its answer unread; 0 for any time. */
  clientIdleTimeout: number;
  /** Whether other requests wait for a place. */
  isContended(): boolean;
  /** Whether bodies and events are logged, asked for each line. */
  traffic: () => boolean;
}

type MessagesState = ApiState & { requestLog: RequestLog; body: Body; hold?: Hold };

/** `POST /v1/messages`: parse, run, answer with the stream or with its fold. */
export function createMessage(options: MessagesOptions, logger: Logger) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, betas, requestLog, body, hold } = context.state as MessagesState;
    const signal = endSignal(context, requestLog.closed, options);
    const reading = {
      version: apiVersion,
      betas,
      modelMap: options.modelMap,
      transport: options.pool.transport,
      inBatch: false,
      isShown: options.traffic(),
    };
    const request = await options.reader.message(body, reading, { signal, hold });
    // also where the client has left, so that nothing is run
    void requestLog.closed.then(request.release);
    requestLog.setModel(request.model);
    throwIfNested(options.pool, context, request);
    const id = context.response.get("request-id");
    const traffic = (arrow: string, content: object) => {
      if (options.traffic()) logger.info(`${id} ${arrow} ${shorten(content)}`);
    };
    if (request.shown !== undefined) logger.info(`${id} → ${request.shown}`);
    const onHeaders = (headers: Record<string, string>) => {
      // from here on the client knows the answer by upstream's id of it
      traffic("←", headers);
      setHeaders(context, headers);
    };
    watchUnread(context.res, {
      timeout: options.clientIdleTimeout,
      isContended: options.isContended,
      onTimeout: (unread) => {
        logger.warn(`${id}: the client has not read its answer for ${unread / 1000} s, so its connection is closed`);
        context.res.destroy();
      },
    });
    const onEvent = (event: StreamEvent) => {
      requestLog.eventSent();
      traffic("←", event);
    };
    const events = run({ ...options, onHeaders, meter: requestLog.meter, onEvent }, request, signal);
    // whatever becomes of the answer, the worker is given back when the connection closes
    void requestLog.closed.then(() => events.return());
    // until the first event the status is open: a failure before it is answered with its own
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
