import { describe, expect, it } from "vitest";
import { ApiError } from "../../../src/api/errors.ts";
import { isLimitHeader, isUsageLimit, limitHeaders } from "../../../src/api/rateLimits.ts";

const NOW = 1_800_000_000;
const STATUS = "anthropic-ratelimit-unified-status";
const RESET = "anthropic-ratelimit-unified-reset";
const rejected = (reset: number | string) => ({ [STATUS]: "rejected", [RESET]: String(reset) });
const limited = (upstream: Record<string, string>, status = 429) => limitHeaders(status, upstream, NOW * 1000);

describe("limitHeaders", () => {
  it.each([
    ["the reset", rejected(NOW + 30), "30"],
    ["the reset, in whole seconds", rejected(NOW + 29.2), "30"],
    ["a moment, when the reset has passed", rejected(NOW - 30), "1"],
    ["the reset, when upstream names an earlier time", { ...rejected(NOW + 30), "retry-after": "17" }, "30"],
    ["upstream's time, when it is later", { ...rejected(NOW + 30), "retry-after": "45" }, "45"],
    ["upstream's time, when the reset is unknown", { [STATUS]: "rejected", "retry-after": "17" }, "17"],
    ["upstream's time, when the reset is not a number", { ...rejected("soon"), "retry-after": "17" }, "17"],
  ])("has a client wait for %s", (_what, upstream, retryAfter) => {
    expect(limited(upstream)).toEqual({ ...upstream, "retry-after": retryAfter });
  });

  it.each([
    [rejected(NOW + 60), undefined],
    [rejected(NOW + 61), "false"],
    [{ [STATUS]: "rejected", "retry-after": "7200" }, "false"],
    [{ ...rejected(NOW + 7200), "x-should-retry": "true" }, "false"],
  ])("does not let a client sleep through %j", (upstream, shouldRetry) => {
    expect(limited(upstream)["x-should-retry"]).toBe(shouldRetry);
  });

  it.each([
    ["a limit without a time", { [STATUS]: "rejected" }, 429],
    ["an ordinary 429", { "retry-after": "7200", [STATUS]: "allowed", [RESET]: String(NOW + 7200) }, 429],
    ["another status", { ...rejected(NOW + 7200), "retry-after": "17" }, 529],
    ["nothing", {}, 429],
  ])("leaves %s as it is", (_what, upstream, status) => {
    expect(limited(upstream, status)).toEqual(upstream);
  });
});

describe("isUsageLimit", () => {
  it.each([
    [429, { [STATUS]: "rejected" }, true],
    [429, { [STATUS]: "allowed" }, false],
    [429, { "retry-after": "17" }, false],
    [529, { [STATUS]: "rejected" }, false],
  ])("describes %i with %j: %s", (status, headers, limit) => {
    expect(isUsageLimit(new ApiError(status, "rate_limit_error", "Words", { headers }))).toBe(limit);
  });
});

describe("isLimitHeader", () => {
  it.each([...["retry-after", "retry-after-ms", "x-should-retry", "anthropic-ratelimit-tokens-reset", STATUS]])(
    "accepts %s",
    (name) => expect(isLimitHeader(name)).toBe(true),
  );

  it.each(["date", "request-id", "set-cookie", "x-retry-after", "anthropic-organization-id", "retry-after\n"])(
    "rejects %j",
    (name) => expect(isLimitHeader(name)).toBe(false),
  );
});
