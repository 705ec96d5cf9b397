import type { ApiError } from "./errors.ts";

export function isLimitHeader(name: string): boolean {
  return /^(retry-after(-ms)?|x-should-retry|anthropic-(ratelimit|priority|fast)-[a-z0-9-]+)$/.test(name);
}

const UNIFIED_PREFIX = "anthropic-ratelimit-unified-";

/** Longer waits get `x-should-retry: false`, since Anthropic's SDKs would sleep for hours if `retry-after` says so. */
const MAX_CLIENT_WAIT_S = 60;

/**
 * Adds `retry-after` to a refusal by a subscription's limit, and stops SDKs from sitting out a long one.
 * `now` in milliseconds since 1970.
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

/** True if a subscription's limit is used up; false for too many requests at once. */
export function isUsageLimit({ status, headers }: Pick<ApiError, "status" | "headers">): boolean {
  return status === 429 && headers[`${UNIFIED_PREFIX}status`] === "rejected";
}
