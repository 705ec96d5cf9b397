import { finished, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Context } from "koa";
import { invalidRequest, requestTooLarge } from "../api/errors.ts";
import { requireJson, requireKnownEncoding } from "./contentType.ts";

/**
 * The bytes of a JSON body as they come, gzip undone, for bodies too large for memory. Throws `ApiError` 413 beyond
 * `limit` megabytes, with these details, and 400 when the body breaks off.
 */
export async function* jsonBytes(
  context: Context,
  limit: number,
  details?: Record<string, unknown>,
): AsyncGenerator<Uint8Array, void, undefined> {
  requireJson(context);
  requireKnownEncoding(context);
  const tooLarge = requestTooLarge(`${limit} MB`, details);
  const most = limit * 1024 * 1024;
  if (Number(context.get("content-length")) > most) throw tooLarge;
  let size = 0;
  for await (const chunk of decoded(context)) {
    size += chunk.length;
    if (size > most) throw tooLarge;
    yield chunk;
  }
}

async function* decoded({ req }: Context): AsyncGenerator<Buffer, void, undefined> {
  const gzip = req.headers["content-encoding"] === "gzip" ? createGunzip() : undefined;
  const source: Readable = gzip ? req.pipe(gzip) : req;
  // also where the client left earlier, or after its last byte but before all was read: no end would come out of the pipe
  const unwatch = finished(req, { writable: false }, (error) => {
    if (error) gzip?.destroy(new Error("The request ended before its body was complete."));
  });
  try {
    // the request itself must outlive a failure, so that there is somebody to answer
    yield* source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("Z_")) throw invalidRequest(message);
    throw invalidRequest("The request body is not valid gzip.", { error_code: "request_body_encoding_invalid" });
  } finally {
    unwatch();
    if (gzip) req.unpipe(gzip);
    gzip?.destroy();
    // a client may read its answer only after it has sent everything
    req.resume();
  }
}
