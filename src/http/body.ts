import { setImmediate } from "node:timers/promises";
import { koaBody } from "koa-body";
import { type ApiError, invalidRequest } from "../api/errors.ts";
import { parseJson } from "../api/parseJson.ts";
import type { BodyMemory } from "../messages/bodyMemory.ts";
import type { Hold } from "../messages/byteBudget.ts";
import type { Body } from "../messages/requestReader.ts";
import { GrowingBytes } from "../shared/growingBytes.ts";
import { BodyBounds } from "../validation/bodyBounds.ts";
import type { ApiContext } from "./apiState.ts";
import { jsonBytes } from "./byteStream.ts";
import { requireJson } from "./contentType.ts";
import { closedSignal } from "./requestSignal.ts";

interface ParserError extends Error {
  type?: string;
}

/** Bodies up to this size are parsed on the event loop. */
const SMALL_BODY_BYTES = 256 * 1024;
/** Bytes read per turn of the event loop. */
const TURN_BYTES = 512 * 1024;

/** Megabytes of a body of `/v1/messages` (docs: "Request size limits"). */
const LIMIT_MB = 32;

export interface ReceivedBody {
  body: Body;
  /** Memory of a large body, held until the response closes, or less long. */
  hold?: Hold;
}

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

/**
 * Reads a JSON body, plain or gzip. A large one waits in its socket for memory, and is checked against its bounds while
 * it arrives. Throws `ApiError`.
 */
export async function readBody(context: ApiContext, memory: BodyMemory): Promise<ReceivedBody> {
  requireJson(context);
  const { length = Number.POSITIVE_INFINITY } = context.request;
  const isEncoded = context.get("content-encoding") === "gzip";
  if (length === 0 && !isEncoded) throw invalidRequest("The request body is not valid JSON: it is empty");
  if (isEncoded || length > SMALL_BODY_BYTES) return readLarge(context, memory);
  await readText(context, async () => {});
  const text = String(context.request.body);
  return { body: { value: parseJson(text), text } };
}

async function readLarge(context: ApiContext, memory: BodyMemory): Promise<ReceivedBody> {
  const maxBytes = LIMIT_MB * 1024 * 1024;
  const length = context.request.length ?? maxBytes;
  // a body beyond the limit is not read, so it needs no memory
  const isEncoded = context.get("content-encoding") === "gzip";
  const expected = isEncoded ? maxBytes : length;
  const details = isEncoded ? { error_code: "request_body_too_large_after_decoding" } : undefined;
  const hold = length <= maxBytes ? await memory.acquire(expected, closedSignal(context)) : undefined;
  void context.state.requestLog.closed.then(() => hold?.release());
  const bounds = new BodyBounds();
  const bytes = new GrowingBytes(length <= maxBytes ? (context.request.length ?? 0) : 0);
  let turnBytes = 0;
  for await (const chunk of jsonBytes(context, LIMIT_MB, details)) {
    bounds.take(chunk);
    bytes.add(chunk);
    turnBytes += chunk.length;
    if (turnBytes < TURN_BYTES) continue;
    // reading buffered chunks does not let the event loop run
    turnBytes = 0;
    await setImmediate();
  }
  hold?.shrink(bytes.length);
  return { body: { bytes: bytes.take() }, ...(hold && { hold }) };
}

function toApiError(error: ParserError): ApiError | ParserError {
  if (error.type === "request.aborted" || error.type === "request.size.invalid") return invalidRequest(error.message);
  return error;
}
