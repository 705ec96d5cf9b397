import { describe, expect, it } from "vitest";
import { stringify } from "../../../../src/api/exactJson.ts";
import type { CliMessage } from "../../../../src/claude/codec.ts";
import { RewriteEvidence } from "../../../../src/claude/rewrite/rewriteEvidence.ts";

const STOPPED = "A mod's http.fetch hook stopped this request: ";
const RESULT = { type: "result", is_error: true };
const log = (text: string): CliMessage => ({ type: "system", subtype: "ui_log", plugin: "rewrite", text });
const answered = (status: number, headers: Record<string, string> = { "content-type": "application/json" }) =>
  log(`answered ${JSON.stringify({ status, headers })}`);
const report = (text: string, more: object = {}): CliMessage => ({
  ...{ type: "assistant", is_api_error_message: true, message: { content: [{ type: "text", text }] } },
  ...more,
});

function evidenceOf(logs: CliMessage[], reports: CliMessage[] = []) {
  const evidence = new RewriteEvidence(undefined, 10_000);
  for (const message of logs) evidence.addLog(message);
  for (const message of reports) evidence.addReport(message);
  return evidence;
}

describe("a refusal", () => {
  it.each([
    [
      400,
      "max_tokens: 128000 > 64000",
      { api_error_type: "invalid_request_error" },
      "invalid_request_error",
      "max_tokens: 128000 > 64000",
    ],
    // words of upstream's that begin as the CLI's do
    [418, "499 bottles", { api_error_type: "teapot_error" }, "teapot_error", "499 bottles"],
    [413, "499 too large", {}, "request_too_large", "too large"],
    [503, "499 status code (no body)", {}, "api_error", "status code (no body)"],
  ])("of status %i with %j keeps its status, type and words", (status, words, more, type, message) => {
    const evidence = evidenceOf([answered(status)], [report(STOPPED + words, { ...more, api_error_status: 499 })]);
    expect(evidence.refusedStatus).toBe(status);
    expect(evidence.toError(RESULT, false)).toMatchObject({ status, type, message });
  });

  it("has upstream's id and its headers about limits, and no others", () => {
    const headers = { "request-id": "req_1", "retry-after": "7", date: "now", "content-type": "application/json" };
    const evidence = evidenceOf(
      [answered(429, headers)],
      [report(`${STOPPED}slow`, { api_error_type: "rate_limit_error" })],
    );
    expect(evidence.headers).toEqual({ "request-id": "req_1", "retry-after": "7" });
    expect(evidence.toError(RESULT, false)).toMatchObject({
      status: 429,
      requestId: "req_1",
      headers: expect.objectContaining({ "retry-after": "7" }),
    });
  });

  it.each([302, 407])("of status %i, which clients do not read, is a bad gateway's", (status) => {
    expect(evidenceOf([answered(status)], [report(`${STOPPED}499 x`)]).toError(RESULT, false).status).toBe(502);
  });
});

describe("an answer that breaks off", () => {
  const stream = answered(200, { "content-type": "text/event-stream", "request-id": "req_1" });

  it("has the type and words of its error event", () => {
    const told = report("API Error: Overloaded", { api_error_type: "overloaded_error", api_error_status: 529 });
    expect(evidenceOf([stream], [told]).toError(RESULT, true)).toMatchObject({
      ...{ status: 529, type: "overloaded_error", message: "Overloaded" },
      requestId: "req_1",
    });
  });

  it("says so where the CLI tried another call, whose denial says nothing of upstream", () => {
    const evidence = evidenceOf([stream, log("denied")], [report(`${STOPPED}one request, one call`)]);
    expect(evidence.denied).toBe(true);
    expect(evidence.toError(RESULT, true).message).toContain("broke off: its server failed without giving a reason");
  });

  it("was silent where the CLI says so", () => {
    const told = report("API Error: Stream idle timeout - no chunks received", { api_error: "stream_idle_timeout" });
    expect(evidenceOf([stream], [told]).toError(RESULT, true)).toMatchObject({
      status: 504,
      message: expect.stringContaining("10 s"),
    });
  });

  it("was no stream, but a page", () => {
    const evidence = evidenceOf(
      [answered(200, { "content-type": "text/html" })],
      [report("API Error: Stream ended without receiving any events")],
    );
    expect(evidence.toError(RESULT, false).message).toContain("'text/html'");
  });
});

describe("a call without an answer", () => {
  it.each([
    ["HooksError: ECONNREFUSED: Unable to connect", "API Error: Connection refused (ECONNREFUSED)", {}, "connection"],
    ["HooksError: unable to verify the first certificate", "The certificates …", { api_error: "tls_untrusted" }, "tls"],
    ["HooksError: Proxy refused to open a tunnel: 407 Refused", "API Error: … (ERR_PROXY_TUNNEL) …", {}, "proxy"],
  ])("for %j has its cause", (thrown, text, more, reason) => {
    const error = evidenceOf([log(`unanswered ${thrown}`)], [report(text, more)]).toError(RESULT, false);
    expect(error).toMatchObject({ status: 500, details: { error_code: "upstream_unreachable", reason } });
  });

  it("is a missing sign-in where the CLI made no call", () => {
    const told = report("Not logged in · Please run /login", { error: "authentication_failed" });
    expect(evidenceOf([], [told]).toError(RESULT, false)).toMatchObject({ status: 401, type: "authentication_error" });
  });
});

describe("an answer as one JSON", () => {
  const message = { id: "msg_1", content: [], usage: { output_tokens: 0 } };
  const told = (text: string) => evidenceOf([answered(200)], [report(STOPPED + text)]).wholeAnswer();

  it("is read off the report", () => {
    expect(told(`499 ${JSON.stringify(message)}`)).toEqual(message);
  });

  it("keeps the inputs of tools as they were written", () => {
    const json =
      '{"content":[{"type":"text","text":"a"},{"type":"mcp_tool_use","input":{"id":12345678901234567890,"1":1,"0":1.0}}],"usage":{}}';
    expect(stringify(told(`499 ${json}`)?.content)).toContain('"input":{"id":12345678901234567890,"1":1,"0":1.0}');
  });

  it.each(["499 <html>", '499 {"content":[],"usage":{', "499 [1]", '499 {"content":5}', "499 {}"])(
    "is none that reads %s",
    (text) => {
      expect(told(text)).toBeUndefined();
    },
  );

  it("is none of a refusal", () => {
    const refused = evidenceOf([answered(400)], [report(`${STOPPED}499 ${JSON.stringify(message)}`)]);
    expect(refused.wholeAnswer()).toBeUndefined();
  });
});
