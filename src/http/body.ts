import { setImmediate } from "node:timers/promises";
import type { Context, Middleware } from "koa";
import { koaBody } from "koa-body";
import { type ApiError, invalidRequest } from "../api/errors.ts";
import { parseJson } from "../api/parseJson.ts";
import type { BodyMemory } from "../messages/bodyMemory.ts";
import type { Body } from "../messages/requestReader.ts";
import { GrowingBytes } from "../shared/growingBytes.ts";
import { BodyBounds } from "../validation/bodyBounds.ts";
import { jsonBytes } from "./byteStream.ts";
import { requireJson, requireSupportedEncoding } from "./contentType.ts";
import type { RequestLog } from "./requestLog.ts";

interface ParserError extends Error {
  type?: string;
}

/** Bodies up to this size are parsed on the event loop. */
const SMALL_BODY_BYTES = 256 * 1024;
/** Bytes read per turn of the event loop. */
const TURN_BYTES = 512 * 1024;

/**
 * Reads a JSON body of at most `limit` megabytes, plain or gzip, into `context.state.body`. A large body waits in its
 * socket for memory, and is checked against its bounds while it arrives.
 */
export function jsonBody(limit: number, memory: BodyMemory): Middleware {
  const readText = koaBody({
    json: false,
    urlencoded: false,
    multipart: false,
    text: true,
    textTypes: ["application/json"],
    textLimit: SMALL_BODY_BYTES,
    onError: (error) => {
      throw toApiError(error);
    },
  });
  return async (context, next) => {
    requireJson(context);
    requireSupportedEncoding(context);
    const { length = Number.POSITIVE_INFINITY } = context.request;
    const isEncoded = context.get("content-encoding") === "gzip";
    if (length === 0 && !isEncoded) throw invalidRequest("The request body is not valid JSON: it is empty");
    if (isEncoded || length > SMALL_BODY_BYTES) {
      context.state.body = { bytes: await readLarge(context, limit, memory) } satisfies Body;
    } else {
      await readText(context, async () => {});
      const text = String(context.request.body);
      context.state.body = { value: parseJson(text), text } satisfies Body;
    }
    await next();
  };
}

/** Reserves memory in `context.state.hold`, which is released when the response closes, or earlier. */
async function readLarge(context: Context, limit: number, memory: BodyMemory): Promise<Uint8Array<ArrayBuffer>> {
  const maxBytes = limit * 1024 * 1024;
  const length = context.request.length ?? maxBytes;
  const { closed } = context.state.requestLog as RequestLog;
  const gone = new AbortController();
  void closed.then(() => gone.abort());
  // a body beyond the limit is not read, so it needs no memory
  const isEncoded = context.get("content-encoding") === "gzip";
  const expected = isEncoded ? maxBytes : length;
  const details = isEncoded ? { error_code: "request_body_too_large_after_decoding" } : undefined;
  const hold = length <= maxBytes ? await memory.acquire(expected, gone.signal) : undefined;
  void closed.then(() => hold?.release());
  context.state.hold = hold;
  const bounds = new BodyBounds();
  const bytes = new GrowingBytes(length <= maxBytes ? (context.request.length ?? 0) : 0);
  let turnBytes = 0;
  for await (const chunk of jsonBytes(context, limit, details)) {
    bounds.take(chunk);
    bytes.add(chunk);
    turnBytes += chunk.length;
    if (turnBytes < TURN_BYTES) continue;
    // reading buffered chunks does not let the event loop run
    turnBytes = 0;
    await setImmediate();
  }
  hold?.shrink(bytes.length);
  return bytes.take();
}

function toApiError(error: ParserError): ApiError | ParserError {
  if (error.type === "request.aborted" || error.type === "request.size.invalid") return invalidRequest(error.message);
  return error;
}
