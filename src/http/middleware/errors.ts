import type { Context, Middleware } from "koa";
import { ApiError, internalError, notFound, outOfHandles } from "../../api/errors.ts";
import { newId } from "../../api/ids.ts";
import { DESCRIBE_HEADER } from "../../api/messageDescriptors.ts";
import { isOutOfHandles } from "../../api/systemErrors.ts";
import type { Logger } from "../../shared/logger.ts";
import { printable } from "../../shared/printable.ts";
import { isHeaderValue, setHeaders } from "../headers.ts";

/** Turns failures into responses, and adds a `request-id` to every response. */
export function errors(logger: Logger): Middleware {
  return async (context, next) => {
    const requestId = newId("req");
    context.set("request-id", requestId);
    try {
      await next();
      if (context.status === 404 && context.body === undefined) throw notFound();
    } catch (error) {
      // the client has disconnected
      if (context.res.destroyed) return;
      const failure = error instanceof ApiError ? error : isOutOfHandles(error) ? outOfHandles() : internalError();
      // not that of a 529: a client tries again, and a line per attempt would fill the log
      const reason = failure !== error ? error : failure.status === 500 ? failure.cause : undefined;
      if (reason !== undefined) {
        const [path = ""] = context.url.split("?");
        logger.error(`${context.method} ${printable(path)}: ${(reason as Error).stack ?? reason}`);
      }
      const id = failure.requestId !== undefined && isHeaderValue(failure.requestId) ? failure.requestId : requestId;
      context.status = failure.status;
      setHeaders(context, { ...failure.headers, "request-id": id });
      context.body = (context.get(DESCRIBE_HEADER) ? failure.described() : failure).toEnvelope(id);
    }
  };
}

/** Replaces Koa's `onerror`, which responds in plain text. */
export function lastResort(logger: Logger): (this: Context, error: Error | null) => void {
  return function (error) {
    if (!error) return;
    this.app.emit("error", error, this);
    if (this.headerSent || !this.writable) return;
    logger.error(`${this.method}: ${error.stack ?? error}`);
    const id = newId("req");
    for (const name of this.res.getHeaderNames()) this.res.removeHeader(name);
    const failure = internalError();
    this.status = failure.status;
    this.set({ ...failure.headers, "request-id": id, "content-type": "application/json; charset=utf-8" });
    const body = JSON.stringify(failure.toEnvelope(id));
    this.length = Buffer.byteLength(body);
    this.res.end(body);
  };
}
