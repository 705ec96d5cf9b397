import { finished, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Context } from "koa";
import { invalidRequest, requestTooLarge } from "../api/errors.ts";
import { requireJson } from "./contentType.ts";

/**
 * Streams and gunzips a JSON body. Throws `ApiError` 413 with `details` beyond `limit` megabytes, 400 if incomplete.
 */
export async function* jsonBytes(
  context: Context,
  limit: number,
  details?: Record<string, unknown>,
): AsyncGenerator<Uint8Array, void, undefined> {
  requireJson(context);
  const tooLarge = requestTooLarge(`${limit} MB`, details);
  const maxBytes = limit * 1024 * 1024;
  if (Number(context.get("content-length")) > maxBytes) throw tooLarge;
  let size = 0;
  for await (const chunk of decoded(context)) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge;
    yield chunk;
  }
}

async function* decoded({ req }: Context): AsyncGenerator<Buffer, void, undefined> {
  const gzip = req.headers["content-encoding"] === "gzip" ? createGunzip() : undefined;
  const source: Readable = gzip ? req.pipe(gzip) : req;
  // the pipe would never end if the client disconnected earlier, or before all its bytes were read
  const unwatch = finished(req, { writable: false }, (error) => {
    if (error) gzip?.destroy(new Error("The request ended before its body was complete."));
  });
  try {
    // the request must survive a failure, so that it can be answered
    yield* source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("Z_")) throw invalidRequest(message);
    throw invalidRequest("The request body is not valid gzip.", { error_code: "request_body_encoding_invalid" });
  } finally {
    unwatch();
    if (gzip) req.unpipe(gzip);
    gzip?.destroy();
    // some clients read the response only after they have sent everything
    req.resume();
  }
}
