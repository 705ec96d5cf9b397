import type { Context } from "koa";

/** Printable ASCII, which Node accepts in a header and every client decodes the same way. */
const HEADER_VALUE = /^[\x20-\x7e]{1,1000}$/;
const HEADER_NAME = /^[a-z0-9-]{1,100}$/;

export function isHeaderValue(value: string): boolean {
  return HEADER_VALUE.test(value);
}

/** Sets headers received from upstream. Skips names and values that are not valid in a header. */
export function setHeaders(context: Context, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (HEADER_NAME.test(name) && isHeaderValue(value)) context.set(name, value);
  }
}
