import type { Context } from "koa";

/** What Node writes into a header without a word, in the letters that every client reads alike. */
const VALUE = /^[\x20-\x7e]{1,1000}$/;
const NAME = /^[a-z0-9-]{1,100}$/;

export function isHeaderValue(value: string): boolean {
  return VALUE.test(value);
}

/** Sets headers whose values come from upstream; leaves out what no header can carry. */
export function setHeaders(context: Context, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (NAME.test(name) && isHeaderValue(value)) context.set(name, value);
  }
}
