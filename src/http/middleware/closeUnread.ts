import { Readable } from "node:stream";
import type { Middleware } from "koa";
import { isObject } from "../../api/isObject.ts";
import { ApiRequest } from "../apiRequest.ts";
import type { ConnectionBounds } from "../connections.ts";

/** Closes the connection of an unauthenticated request after its response. Node would first read the whole body. */
export function closeUnread(discard: ConnectionBounds["discard"]): Middleware {
  return async (context, next) => {
    await next();
    const { req, body } = context;
    if (!(req instanceof ApiRequest) || req.isAuthenticated || !req.isBodyPending) return;
    context.set("connection", "close");
    if (context.method === "HEAD" || !isObject(body)) return;
    const text = Buffer.from(JSON.stringify(body));
    context.body = Readable.from(thenDiscard(text, req, discard));
    context.length = text.length;
  };
}

/** Ends the response only when the client has stopped sending or a bound is reached. */
async function* thenDiscard(text: Buffer, request: ApiRequest, discard: ConnectionBounds["discard"]) {
  yield text;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    let bytes = 0;
    timer = setTimeout(resolve, discard.milliseconds).unref();
    request.once("close", resolve);
    request.once("end", resolve);
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > discard.bytes) resolve();
    });
  });
  clearTimeout(timer);
}
