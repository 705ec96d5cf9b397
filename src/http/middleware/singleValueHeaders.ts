import type { Middleware } from "koa";
import { conflictingHeader } from "../../api/accessErrors.ts";

/** Headers with exactly one value; `anthropic-beta` and `content-encoding` are lists. */
const SINGLE_VALUE_HEADERS = ["x-api-key", "authorization", "anthropic-version", "content-type"];

/** Merges repeated headers, which Node, clients and proxies join with a comma or drop. Rejects different values. */
export const singleValueHeaders: Middleware = async ({ req }, next) => {
  for (const name of SINGLE_VALUE_HEADERS) {
    const values = new Set(valuesOf(req.rawHeaders, name).map(withoutRepeats));
    const [value, ...others] = values;
    if (others.length > 0) throw conflictingHeader(name);
    if (value !== undefined) req.headers[name] = value;
  }
  await next();
};

/** Returns every value of a header as it was sent. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** Turns `a, a` into `a`; returns any other text unchanged. */
export function withoutRepeats(text: string): string {
  const [first = "", ...others] = text.split(",").map((part) => part.trim());
  return first !== "" && others.length > 0 && others.every((part) => part === first) ? first : text;
}
