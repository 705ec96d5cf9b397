import { describe, expect, it } from "vitest";
import { ApiError } from "../../../../../src/api/errors.ts";
import { OverlayOutcome } from "../../../../../src/claude/transport/overlay/overlayOutcome.ts";
import { AT, errorFrom, RESULT, refused, report } from "../../../../support/outcomes.ts";

describe("OverlayOutcome", () => {
  it.each([
    ["[WARN] [byte-watchdog] firing: idle=10000ms late=0ms errored=false bodyReadPending=true", /nothing for 10 s/],
    ["[DEBUG] [byte-watchdog] aborting: late=-9000ms slept=60000ms (sleep/suspend)", /was asleep/],
    ["[ERROR] [first-byte] no response headers 11s after dispatch — aborting request", /nothing for 11 s/],
  ])("reports an upstream that the CLI has given up, whatever follows: %s", (line, message) => {
    const denied = report("A mod's hook stopped this request", { api_error: "hook_denied", api_error_status: 403 });
    const lines = [
      `${AT} ${line}`,
      `${AT} [ERROR] Error in API request: {"type":"error","error":{"type":"permission_error","message":"one request, one call"}}`,
    ];
    const error = errorFrom(lines, [denied], { api_error_status: 403 }, true);
    expect(error).toMatchObject({ status: 504, type: "timeout_error", message: expect.stringMatching(message) });
  });

  it("reads a long line with many such beginnings without backtracking", () => {
    // backtracking from each of them took minutes
    const line = `${AT} ${"[byte-watchdog] aborting: ".repeat(40_000)}`;
    expect(errorFrom([line], [], {}, true)).toMatchObject({ type: "api_error" });
  });

  it("reports a timeout before any answer", () => {
    const line = `${AT} [ERROR] API error (attempt 1/1): undefined Request timed out.`;
    const error = errorFrom([line], [report("Request timed out. Set API_TIMEOUT_MS above 1000.")]);
    expect(error).toMatchObject({ status: 504, type: "timeout_error" });
  });

  it("reports an answer that is not a stream", () => {
    const block = (type: string) => [
      "[Anthropic SDK DEBUG] [log_1] response start {",
      "  headers: {",
      `    "content-type": "${type}",`,
      "  },",
      "}",
      `${AT} [ERROR] Error streaming (non-streaming fallback disabled): Stream ended without receiving any events`,
    ];
    const reported = report("API Error: Stream ended without receiving any events");
    const details = { error_code: "upstream_not_a_stream" };
    expect(errorFrom(block("text/html; charset=utf-8"), [reported])).toMatchObject({
      ...{ status: 500, type: "api_error", details, headers: { "x-should-retry": "false" } },
      message: expect.stringContaining("answered with 'text/html; charset=utf-8'"),
    });
    expect(errorFrom(block("text/event-stream"), [reported])).toMatchObject({
      message: "The API's answer broke off: Stream ended without receiving any events",
    });
  });

  it.each([
    ["max_tokens: 128000 > 64000, which is", { max_tokens: 128_000 }, "max_tokens: [REDACTED] > 64000, which is"],
    ["thinking.max_tokens: 7 > 5", { thinking: { max_tokens: 7 } }, "thinking.max_tokens: [REDACTED] > 5"],
    ["max_tokens: [REDACTED] > 5", {}, "max_tokens: [REDACTED] > 5"],
    ["max_tokens: [REDACTED] < 5", { max_tokens: 7 }, "max_tokens: [REDACTED] < 5"],
  ])("restores the number from the request: %s", (message, request, redacted) => {
    const outcome = new OverlayOutcome(request);
    outcome.addStderrLine(refused(400, "invalid_request_error", redacted));
    outcome.addErrorMessage(report("Reworded"));
    expect(outcome.toError(RESULT, false).message).toBe(message);
  });

  it.each([
    [
      "blanks before a letter",
      (words: string) => `${AT} [ERROR] API error (attempt 1/1): 400 400 ${words}`,
      `a${" ".repeat(200_000)}b`,
    ],
    ["open braces", (words: string) => `${AT} [ERROR] API error (attempt 1/1): 400 400 ${words}`, "{".repeat(200_000)],
    ["the words of a broken stream", (words: string) => `${AT} [ERROR] ${words}`, "Error streaming".repeat(20_000)],
    [
      "braces and blanks",
      (words: string) => `${AT} [ERROR] Error in API request: ${words}`,
      `{${"} ".repeat(100_000)}b`,
    ],
    [
      "marks of redaction",
      (words: string) => refused(400, "invalid_request_error", words),
      "[REDACTED] a".repeat(20_000),
    ],
  ])("reads %s in linear time", (_what, line, words) => {
    // backtracking would exceed the test's time limit
    expect(errorFrom([line(words)], [report(`API Error: 400 ${words}`)], {}, true)).toBeInstanceOf(ApiError);
  });
});
