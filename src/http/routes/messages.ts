import Router from "@koa/router";
import { ApiError } from "../../api/errors.ts";
import type { StreamEvent } from "../../api/events.ts";
import { stringify } from "../../api/exactJson.ts";
import { fold } from "../../api/fold.ts";
import { DESCRIBE_HEADER } from "../../api/messageDescriptors.ts";
import type { Pool } from "../../claude/pool/pool.ts";
import type { BodyMemory } from "../../messages/bodyMemory.ts";
import type { RequestReader } from "../../messages/requestReader.ts";
import { type RunServices, run } from "../../messages/run.ts";
import type { Logger } from "../../shared/logger.ts";
import { shorten } from "../../shared/shorten.ts";
import type { ApiContext, ApiState } from "../apiState.ts";
import { readBody } from "../body.ts";
import { setHeaders } from "../headers.ts";
import { throwIfNested } from "../middleware/rejectNested.ts";
import { requestSignal } from "../requestSignal.ts";
import { sse } from "../sse.ts";
import { watchUnread } from "../unread.ts";

export interface MessageServices extends RunServices {
  reader: RequestReader;
  memory: BodyMemory;
  closing: AbortSignal;
}

export interface MessageOptions {
  modelMap: Record<string, string>;
  /** Milliseconds that a request may take in total; 0 for no limit. */
  requestTimeout: number;
  /** Milliseconds for which a client may leave its response unread; 0 for no limit. */
  clientIdleTimeout: number;
  /** Whether bodies and events are logged. Called for each line, because the setting may change. */
  traffic: () => boolean;
}

/** `POST /v1/messages`: responds with the event stream, or with the message it adds up to. */
export function messageRoutes(services: MessageServices, options: MessageOptions, logger: Logger): Router<ApiState> {
  const { pool, reader, memory, closing } = services;
  const { modelMap, requestTimeout, clientIdleTimeout, traffic } = options;
  const router = new Router<ApiState>();

  router.post("/v1/messages", async (context) => {
    const { body, hold } = await readBody(context, memory);
    const { apiVersion: version, betas, requestLog } = context.state;
    const signal = requestSignal(context, requestTimeout, closing);
    const { transport } = pool;
    const reading = { version, betas, modelMap, transport, inBatch: false, isShown: traffic() };
    const request = await reader.message(body, reading, { signal, hold });
    // if the client has already disconnected, nothing runs
    void requestLog.closed.then(request.release);
    requestLog.setModel(request.model);
    throwIfNested(pool, context, request);
    const id = context.response.get("request-id");
    const logReceived = (content: object) => {
      if (traffic()) logger.info(`${id} ← ${shorten(content)}`);
    };
    if (request.shown !== undefined) logger.info(`${id} → ${request.shown}`);
    const onHeaders = (headers: Record<string, string>) => {
      logReceived(headers);
      // replaces our `request-id` by upstream's
      setHeaders(context, headers);
    };
    const onEvent = (event: StreamEvent) => {
      requestLog.eventSent();
      logReceived(event);
    };
    closeIfUnread(context, pool, clientIdleTimeout, logger);
    const events = run(services, request, { signal, meter: requestLog.meter, onHeaders, onEvent });
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
  });

  return router;
}

function closeIfUnread({ res, response }: ApiContext, pool: Pool, timeout: number, logger: Logger): void {
  const id = response.get("request-id");
  watchUnread(res, {
    timeout,
    isContended: () => pool.stats.waiting > 0,
    onTimeout: (unread) => {
      logger.warn(`${id}: connection closed, because the client did not read its response for ${unread / 1000} s`);
      res.destroy();
    },
  });
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
