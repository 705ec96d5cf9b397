import type { Context, Middleware } from "koa";
import { koaBody } from "koa-body";
import { type ApiError, invalidRequest, requestTooLarge } from "../api/errors.ts";

/** What the body parsers underneath tell of a failure. */
interface ParserError extends Error {
  status?: number;
  type?: string;
  code?: string;
  /** The text that was no JSON. */
  body?: unknown;
}

/** Reads a JSON body of at most `limit` megabytes, gzip or plain; every failure becomes the API's own. */
export function jsonBody(limit: number): Middleware {
  const size = `${limit} MB`;
  const parse = koaBody({
    json: true,
    urlencoded: false,
    text: false,
    multipart: false,
    jsonStrict: true,
    jsonLimit: limit * 1024 * 1024,
    onError: (error, context) => recover(error, context, size),
  });
  return async (context, next) => {
    requireJson(context);
    requireKnownEncoding(context);
    if (context.request.length === 0 && !context.get("content-encoding"))
      throw invalidRequest("The request body is not valid JSON: it is empty");
    await parse(context, next);
  };
}

/** A page of another origin can send a form or plain text without asking, but not JSON. */
export function requireJson(context: Context): void {
  if (!context.is("application/json")) {
    throw invalidRequest("Content-Type must be application/json, and the body JSON.");
  }
}

/** The API decodes gzip alone; names of encodings have no case, but the parser looks for small letters. */
export function requireKnownEncoding(context: Context): void {
  const encoding = context.get("content-encoding").toLowerCase();
  if (encoding === "") return;
  context.req.headers["content-encoding"] = encoding;
  if (encoding !== "gzip" && encoding !== "identity") {
    throw invalidRequest(`The Content-Encoding '${encoding}' is not supported; use gzip or none.`, {
      error_code: "request_body_encoding_unsupported",
    });
  }
}

function recover(error: ParserError, context: Context, size: string): void {
  // the parser refuses keys named __proto__ and anything but objects and lists; neither is for it to judge
  if (typeof error.body === "string") context.request.body = parseJson(error.body);
  else throw toApiError(error, size, context.get("content-encoding") === "gzip");
}

function parseJson(text: string): NonNullable<Context["request"]["body"]> {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidRequest(`The request body is not valid JSON: ${(error as Error).message}`);
  }
}

function toApiError(error: ParserError, size: string, encoded: boolean): ApiError | ParserError {
  if (error.type === "entity.too.large" || error.status === 413) {
    return requestTooLarge(size, encoded ? { error_code: "request_body_too_large_after_decoding" } : undefined);
  }
  if (error.code?.startsWith("Z_")) {
    return invalidRequest("The request body is not valid gzip.", { error_code: "request_body_encoding_invalid" });
  }
  if (error.type === "request.aborted" || error.type === "request.size.invalid") return invalidRequest(error.message);
  return error;
}
