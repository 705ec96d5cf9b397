import type { Middleware } from "koa";
import { conflictingHeader } from "../../api/accessErrors.ts";

/** Headers of which a request has one value; `anthropic-beta` and `content-encoding` are lists. */
const SINGLE_VALUE_HEADERS = ["x-api-key", "authorization", "anthropic-version", "content-type"];

/**
 * Takes a header that was sent twice with the same value as sent once. Node joins some of them with a comma and drops
 * others without a word, and so do HTTP clients and proxies before us. Refuses different values, since it would be by
 * chance which one counts.
 */
export const singleValueHeaders: Middleware = async ({ req }, next) => {
  for (const name of SINGLE_VALUE_HEADERS) {
    const values = new Set(valuesOf(req.rawHeaders, name).map(withoutRepeats));
    const [value, ...others] = values;
    if (others.length > 0) throw conflictingHeader(name);
    if (value !== undefined) req.headers[name] = value;
  }
  await next();
};

/** Every value of a header as it was sent. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** `a` of `a, a`; any other text as it is. */
export function withoutRepeats(text: string): string {
  const [first = "", ...others] = text.split(",").map((part) => part.trim());
  return first !== "" && others.length > 0 && others.every((part) => part === first) ? first : text;
}
