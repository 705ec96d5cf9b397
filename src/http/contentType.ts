import type { Context } from "koa";
import { invalidRequest } from "../api/errors.ts";

/** Requires JSON, plain or gzip: a page of another origin cannot send it without a CORS preflight, unlike a form or text. */
export function requireJson(context: Context): void {
  if (!context.is("application/json")) {
    throw invalidRequest("Content-Type must be application/json, and the body JSON.");
  }
  requireSupportedEncoding(context);
}

/** Accepts gzip only, like the API. Lowercases the header, because the parser is case-sensitive. */
function requireSupportedEncoding(context: Context): void {
  const encoding = context.get("content-encoding").toLowerCase();
  if (encoding === "") return;
  context.req.headers["content-encoding"] = encoding;
  if (encoding !== "gzip" && encoding !== "identity") {
    throw invalidRequest(`The Content-Encoding '${encoding}' is not supported; use gzip or none.`, {
      error_code: "request_body_encoding_unsupported",
    });
  }
}
