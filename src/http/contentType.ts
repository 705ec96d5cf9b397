import type { Context } from "koa";
import { invalidRequest } from "../api/errors.ts";

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
