import type { Middleware } from "koa";
import { ApiError, internal, notFound } from "../../api/errors.ts";
import { newId } from "../../api/ids.ts";
import type { Logger } from "../../shared/logger.ts";
import { printable } from "../../shared/printable.ts";

/** The one place where failures become HTTP; also gives every answer its `request-id`. */
export function errors(logger: Logger): Middleware {
  return async (context, next) => {
    const requestId = newId("req");
    context.set("request-id", requestId);
    try {
      await next();
      if (context.status === 404 && context.body === undefined) throw notFound();
    } catch (error) {
      // nobody is left to be told
      if (context.res.destroyed) return;
      const told = error instanceof ApiError ? error : internal();
      if (told !== error) {
        const [path = ""] = context.url.split("?");
        logger.error(`${context.method} ${printable(path)}: ${(error as Error).stack ?? error}`);
      }
      const id = told.requestId ?? requestId;
      context.status = told.status;
      context.set({ ...told.headers, "request-id": id });
      context.body = told.toEnvelope(id);
    }
  };
}
