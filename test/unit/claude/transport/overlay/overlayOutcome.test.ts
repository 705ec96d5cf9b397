import { describe, expect, it } from "vitest";
import { ApiError } from "../../../../../src/api/errors.ts";
import { OverlayOutcome } from "../../../../../src/claude/transport/overlay/overlayOutcome.ts";
import { AT, errorFrom, RESULT, refused, report } from "../../../../support/outcomes.ts";
import { isSettled } from "../../../../support/streams.ts";

const broken = (type: string, message: string, how = " (non-streaming fallback disabled)") =>
  `${AT} [ERROR] Error streaming${how}: ${JSON.stringify({ type: "error", error: { type, message } })}`;

describe("OverlayOutcome", () => {
  it("quotes a refusal with upstream's status, message and request id", () => {
    const error = errorFrom([refused(404, "not_found_error", "model: x")], []);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 404, type: "not_found_error", message: "model: x", requestId: "req_9c1f" });
  });

  it("does not report a call that our mod denied", () => {
    const denied = report("A mod's http.fetch hook stopped this request: one request, one call", {
      api_error: "hook_denied",
      api_error_status: 403,
      api_error_type: "permission_error",
    });
    const result = { api_error_status: 403 };
    const first = refused(404, "not_found_error", "model: x");
    expect(errorFrom([first], [denied], result)).toMatchObject({ status: 404, message: "model: x" });
    const overload = `${AT} [WARN] Mid-stream server error after 1 block(s) yielded — finalizing partial response`;
    expect(errorFrom([overload], [denied], result, true)).toMatchObject({
      status: 500,
      type: "api_error",
      message: "The API's answer broke off: its server failed without giving a reason.",
    });
  });

  it("names the proxy that answered with 407", () => {
    const line = `${AT} [ERROR] API error (attempt 1/1): 407 407 <html>No</html>`;
    expect(errorFrom([line], [])).toMatchObject({ status: 502, details: { reason: "proxy" } });
    expect(errorFrom([line], []).message).toMatch(/^The proxy asks for credentials \(407\)/);
  });

  it.each([301, 304])("reports a %i as 502, since clients ignore its body", (status) => {
    expect(errorFrom([refused(status, "x", "Moved")], [])).toMatchObject({ status: 502, type: "x", message: "Moved" });
    const line = `${AT} [ERROR] API error (attempt 1/1): ${status} ${status} status code (no body)`;
    expect(errorFrom([line], [])).toMatchObject({ status: 502, type: "api_error", message: "status code (no body)" });
  });

  it("does not take an answer without a content type for missing", () => {
    const lines = ["[Anthropic SDK DEBUG] [log_1] response start {", "  headers: {", "  },", "}"];
    const words = "API Error: Stream ended without receiving any events";
    expect(errorFrom(lines, [report(words)]).message).toMatch(/^The API's answer broke off/);
    expect(errorFrom([], [report(words)]).message).toMatch(/could not reach/);
  });

  it.each([
    [404, "status code (no body)", "not_found_error"],
    [429, "<html><body>Slow down</body></html>", "rate_limit_error"],
    [418, "I am a teapot", "api_error"],
  ])("maps a %i without an envelope by its status, denied or not", (status, words, type) => {
    const line = `${AT} [ERROR] API error (attempt 1/1): ${status} ${status} ${words}`;
    const denied = report("A mod's hook stopped this request", { api_error: "hook_denied", api_error_status: 403 });
    const reworded = report(`API Error: ${status} ${words}`, { api_error_status: status });
    expect(errorFrom([line], [denied], { api_error_status: 403 })).toMatchObject({ status, type, message: words });
    expect(errorFrom([line], [reworded], { api_error_status: status })).toMatchObject({ status, type, message: words });
  });

  it("quotes an error event after a complete block", () => {
    const event = { type: "error", error: { type: "api_error", message: "Internal" } };
    const line = `${AT} [ERROR] Error in API request: ${JSON.stringify(event)}`;
    expect(errorFrom([line], [report("API Error: Internal")], {}, true)).toMatchObject({
      type: "api_error",
      message: "Internal",
    });
  });

  it("uses the status in the line for any type", () => {
    const line = refused(418, "invalid_request_error", "no {coffee}\nhere");
    expect(errorFrom([line], [])).toMatchObject({ status: 418, message: "no {coffee}\nhere" });
  });

  it("finds the envelope after other text", () => {
    const line = refused(404, "not_found_error", "gone").replace(": 404 404 ", ": 404 404 from the gateway: ");
    expect(errorFrom([line], [])).toMatchObject({ status: 404, type: "not_found_error", message: "gone" });
  });

  it("forwards the details", () => {
    const details = { error_code: "thread_not_found" };
    expect(errorFrom([refused(404, "not_found_error", "gone", { details })], [])).toMatchObject({ details });
    expect(errorFrom([refused(404, "not_found_error", "gone", { details: null })], []).details).toBeUndefined();
  });

  it.each([
    ["invalid_request_error", 400],
    ["authentication_error", 401],
    ["billing_error", 402],
    ["permission_error", 403],
    ["not_found_error", 404],
    ["request_too_large", 413],
    ["rate_limit_error", 429],
    ["api_error", 500],
    ["timeout_error", 504],
    ["overloaded_error", 529],
    ["brand_new_error", 500],
  ])("gives %s of a broken stream the status %i", (type, status) => {
    expect(errorFrom([broken(type, "Words")], [])).toMatchObject({ status, type, message: "Words" });
  });

  it("reads a broken stream with the CLI's fallback enabled", () => {
    const line = broken("overloaded_error", "Overloaded", ", falling back to non-streaming mode");
    expect(errorFrom([line], [])).toMatchObject({ status: 529, message: "Overloaded" });
  });

  it("prefers upstream's message on stderr to the reworded report", () => {
    const reworded = report("There's an issue with the selected model (x).", { api_error_status: 404 });
    const error = errorFrom([refused(404, "not_found_error", "model: x")], [reworded]);
    expect(error.message).toBe("model: x");
  });

  it("uses only the first failure", () => {
    const lines = [broken("overloaded_error", "Overloaded"), refused(404, "not_found_error", "Not Found")];
    const reports = [report("first", { api_error_status: 400 }), report("second", { api_error_status: 500 })];
    expect(errorFrom(lines, reports)).toMatchObject({ status: 529, message: "Overloaded" });
    expect(errorFrom([], reports)).toMatchObject({ status: 400, message: "first" });
  });

  it("does not attribute a later quotation to a first failure without one", () => {
    const cut = `${AT} [ERROR] Error streaming (non-streaming fallback disabled): Connection error.`;
    const error = errorFrom([cut, refused(404, "not_found_error", "Not Found")], [report("API Error: terminated")]);
    expect(error).toMatchObject({ status: 500, type: "api_error" });
    expect(error.message).toBe("Claude Code could not reach the API: terminated");
  });

  it("distinguishes an answer that broke off from an unreachable upstream", () => {
    const terminated = report("API Error: terminated");
    expect(errorFrom([], [terminated], {}, false).details).toEqual({ error_code: "upstream_unreachable" });
    const brokenOff = errorFrom([], [terminated], {}, true);
    expect(brokenOff).toMatchObject({ status: 500, type: "api_error", details: undefined });
    expect(brokenOff.message).toBe("The API's answer broke off: terminated");
  });

  it.each([
    ["broken JSON", `${AT} [ERROR] API error (attempt 1/1): 502 502 {"type":"error",`],
    ["an envelope without words", `${AT} [ERROR] API error (attempt 1/1): 502 502 {"type":"error","error":{}}`],
  ])("uses the report if stderr has %s", (_what, line) => {
    const reported = report("API Error: 502 Bad Gateway", {
      api_error_status: 502,
      api_error_type: "api_error",
      request_id: "req_2",
    });
    const expected = { status: 502, type: "api_error", message: "Bad Gateway", requestId: "req_2" };
    expect(errorFrom([line], [reported])).toMatchObject(expected);
  });

  it("uses the message of a gateway without an envelope", () => {
    const line = `${AT} [ERROR] API error (attempt 1/1): 413 413 <html>Too Large</html>`;
    const reported = report("Request too large (max 32MB).", { api_error_status: 413, request_id: "req_2" });
    const expected = { status: 413, type: "request_too_large", message: "<html>Too Large</html>", requestId: "req_2" };
    expect(errorFrom([line], [reported])).toMatchObject(expected);
  });

  it("does not use the answer of a successful turn as a reason", () => {
    expect(errorFrom([], [], { result: "the answer", is_error: false }, true).message).not.toContain("the answer");
  });

  it.each([
    ["API Error: 400 prompt is too long", "prompt is too long"],
    ["API Error: Overloaded", "Overloaded"],
    ["Request rejected (429) · slow down", "slow down"],
    ["Failed to authenticate. API Error: 403 Not for you", "Not for you"],
  ])("removes the prefix of report %j", (text, message) => {
    expect(errorFrom([], [report(text, { api_error_status: 400 })]).message).toBe(message);
  });

  it("says how to sign in when signed out", () => {
    const error = errorFrom([], [report("Not logged in · Please run /login", { error: "authentication_failed" })]);
    expect(error).toMatchObject({ status: 401, type: "authentication_error" });
    expect(error.message).toBe(
      "Claude Code is not signed in. Run 'claude' in a terminal and sign in with /login, or set ANTHROPIC_API_KEY.",
    );
  });

  it("keeps upstream's message for a rejected key", () => {
    const invalid = report("API Error: 401 invalid x-api-key", {
      error: "authentication_failed",
      api_error_status: 401,
      api_error_type: "authentication_error",
    });
    const expected = { status: 401, type: "authentication_error", message: "invalid x-api-key" };
    expect(errorFrom([], [invalid])).toMatchObject(expected);
  });

  it("reports an unreachable API", () => {
    const refusedConnection = report("API Error: Unable to connect to API (ECONNREFUSED)", {
      api_error: "connection_failed",
    });
    const error = errorFrom(
      [`${AT} [ERROR] API error (attempt 1/1): undefined Connection error.`],
      [refusedConnection],
    );
    expect(error).toMatchObject({ status: 500, type: "api_error" });
    expect(error.message).toBe("Claude Code could not reach the API: Unable to connect to API (ECONNREFUSED)");
  });

  it.each([
    [{ result: "API Error: 529 busy", api_error_status: 529 }, 529, "overloaded_error", "busy"],
    [{ errors: ["No model given"] }, 500, "api_error", "Claude Code could not reach the API: No model given"],
    [{}, 500, "api_error", "Claude Code could not reach the API: no reason given"],
  ])("uses the result %j if there is nothing else", (result, status, type, message) => {
    expect(errorFrom([], [], result)).toMatchObject({ status, type, message });
  });

  describe("rate limits", () => {
    const retryAfter = (seconds: number) => [
      "[Anthropic SDK DEBUG] [log_1a2b3c] response error (error; no more retries left) {",
      "  headers: {",
      `    "retry-after": "${seconds}",`,
      "  },",
      "}",
    ];
    const resetsAt = Math.floor(Date.now() / 1000) + 7200;
    const info = { status: "rejected", resetsAt, rateLimitType: "five_hour" };
    const expected = {
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-reset": String(resetsAt),
      "anthropic-ratelimit-unified-representative-claim": "five_hour",
      "retry-after": expect.stringMatching(/^7(200|1\d\d)$/),
      "x-should-retry": "false",
    };
    const limit = refused(429, "rate_limit_error", "Slow down");

    it("forwards upstream's headers", () => {
      const error = errorFrom([...retryAfter(17), refused(529, "overloaded_error", "Overloaded")], []);
      expect(error.headers).toEqual({ "retry-after": "17" });
    });

    it("forwards them without upstream's message", () => {
      const error = errorFrom([...retryAfter(17)], [report("API Error: 503", { api_error_status: 503 })]);
      expect(error).toMatchObject({ status: 503, headers: { "retry-after": "17" } });
    });

    it("uses only those of the first failure", () => {
      expect(errorFrom([...retryAfter(17), limit, ...retryAfter(99)], []).headers).toEqual({ "retry-after": "17" });
    });

    it("omits them for a broken stream", () => {
      expect(errorFrom([...retryAfter(17), broken("overloaded_error", "Overloaded")], []).headers).toEqual({});
    });

    it("uses what the CLI reports if there are no headers: its report, else its event", () => {
      const params = { api_error_params: { rate_limit_info: info } };
      expect(errorFrom([limit], [report("You've hit your limit", params)]).headers).toEqual(expected);
      const outcome = new OverlayOutcome();
      outcome.addStderrLine(limit);
      outcome.addRateLimit(info);
      outcome.addErrorMessage(report("You've hit your limit"));
      expect(outcome.toError(RESULT, false).headers).toEqual(expected);
    });

    it("prefers upstream's headers to the CLI's report", () => {
      const params = { api_error_params: { rate_limit_info: info } };
      const error = errorFrom([...retryAfter(17), limit], [report("You've hit your limit", params)]);
      expect(error.headers).toEqual({ "retry-after": "17" });
    });

    it("does not read a failure from a body in the SDK's log", () => {
      const error = errorFrom([`      foo: "${limit}",`], [report("API Error: 400 no", { api_error_status: 400 })]);
      expect(error.status).toBe(400);
    });
  });

  it("reports a failure only after stderr has shown one", async () => {
    const outcome = new OverlayOutcome();
    outcome.addStderrLine(`${AT} [DEBUG] [API REQUEST] /v1/messages source=sdk`);
    outcome.addStderrLine(`${AT} [ERROR] MCP server failed: 404 {"error":{"type":"x","message":"y"}}`);
    expect(await isSettled(outcome.errorSeen)).toBe(false);
    outcome.addStderrLine(refused(404, "not_found_error", "model: x"));
    expect(await isSettled(outcome.errorSeen)).toBe(true);
  });
});
