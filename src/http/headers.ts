import type { Context } from "koa";

/** What Node writes into a header without a word, in the letters that every client reads alike. */
const HEADER_VALUE = /^[\x20-\x7e]{1,1000}$/;
const HEADER_NAME = /^[a-z0-9-]{1,100}$/;

export function isHeaderValue(value: string): boolean {
  return HEADER_VALUE.test(value);
}

/** Sets headers whose values come from upstream; leaves out what no header can carry. */
export function setHeaders(context: Context, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (HEADER_NAME.test(name) && isHeaderValue(value)) context.set(name, value);
  }
}
