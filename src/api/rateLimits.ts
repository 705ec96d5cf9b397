import type { ApiError } from "./errors.ts";

/** Whether a header of upstream's tells of limits, or when to ask again (docs: "Rate limits"). */
export function isLimitHeader(name: string): boolean {
  return /^(retry-after(-ms)?|x-should-retry|anthropic-(ratelimit|priority|fast)-[a-z0-9-]+)$/.test(name);
}

/** The headers about the limits of a subscription, which hold until their window is reset. */
const UNIFIED_PREFIX = "anthropic-ratelimit-unified-";

/** Seconds that a client may sit out by itself: Anthropic's SDKs sleep as long as `retry-after` says, be it for hours. */
const MAX_CLIENT_WAIT_S = 60;

/**
 * A refusal's headers as a client should get them: the limit of a subscription says when it ends in `retry-after`, too,
 * and one that lasts is not to be waited for inside a call. `now` in milliseconds since 1970.
 */
export function limitHeaders(
  status: number,
  upstream: Record<string, string>,
  now = Date.now(),
): Record<string, string> {
  if (!isUsageLimit({ status, headers: upstream })) return upstream;
  const untilReset = Math.ceil(Number(upstream[`${UNIFIED_PREFIX}reset`]) - now / 1000);
  const waits = [untilReset, Number(upstream["retry-after"])].filter(Number.isFinite);
  if (waits.length === 0) return upstream;
  const wait = Math.max(1, ...waits);
  return { ...upstream, "retry-after": String(wait), ...(wait > MAX_CLIENT_WAIT_S && { "x-should-retry": "false" }) };
}

/** Whether a subscription's limit is used up, as opposed to too many requests at a time. */
export function isUsageLimit({ status, headers }: Pick<ApiError, "status" | "headers">): boolean {
  return status === 429 && headers[`${UNIFIED_PREFIX}status`] === "rejected";
}
