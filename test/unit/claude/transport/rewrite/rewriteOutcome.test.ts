import { describe, expect, it } from "vitest";
import type { CliMessage } from "../../../../../src/claude/protocol/codec.ts";
import { MOD_REPORTS } from "../../../../../src/claude/protocol/modReports.ts";
import { REWRITE_MOD } from "../../../../../src/claude/transport/rewrite/rewriteMod.ts";
import { RewriteOutcome } from "../../../../../src/claude/transport/rewrite/rewriteOutcome.ts";

const STOPPED = "A mod's http.fetch hook stopped this request: ";
const RESULT: CliMessage = { type: "result", subtype: "success" };

const log = (text: string): CliMessage => ({ type: "system", subtype: "ui_log", plugin: REWRITE_MOD.name, text });
const answered = (status: number, headers: object = {}) => log(`answered ${JSON.stringify({ status, headers })}`);
const report = (text: string, more: object = {}): CliMessage => ({
  type: "assistant",
  is_api_error_message: true,
  message: { content: [{ type: "text", text }] },
  ...more,
});

/** The error after these messages. */
function errorAfter(messages: CliMessage[], { begun = false, proxy = undefined as string | undefined } = {}) {
  const route = { api: new URL("https://api.example.com"), proxy, extraAuthorities: undefined };
  const outcome = new RewriteOutcome(route as never, 0);
  for (const message of messages) {
    if (message.type === "system") outcome.addModReport(message);
    else outcome.addErrorMessage(message);
  }
  return outcome.toError(RESULT, begun);
}

describe("the error of a turn", () => {
  it("has upstream's message, type and id", () => {
    const refused = report(`${STOPPED}model: x`, { api_error_type: "not_found_error", request_id: "req_1" });
    expect(errorAfter([answered(404), refused])).toMatchObject({
      ...{ status: 404, type: "not_found_error", message: "model: x", requestId: "req_1" },
    });
  });

  it("has upstream's message if a late count is denied", () => {
    const refused = report(`${STOPPED}no`, { api_error_type: "permission_error" });
    expect(errorAfter([log(MOD_REPORTS.countDenied), answered(403), refused])).toMatchObject({
      status: 403,
      message: "no",
    });
  });

  it.each([
    ["499 cloudflare", "cloudflare"],
    ["499 status code (no body)", "status code (no body)"],
    ["499", "no reason given"],
  ])("has the text of an answer that is not an envelope: %s", (text, message) => {
    expect(errorAfter([answered(503), report(STOPPED + text)])).toMatchObject({
      status: 503,
      type: "api_error",
      message,
    });
  });

  it("names an unreachable proxy, also if the CLI tries again", () => {
    const thrown = log("unanswered HooksError: ECONNREFUSED: Unable to connect");
    const error = errorAfter([thrown, log(MOD_REPORTS.denied)], { proxy: "http://127.0.0.1:9" });
    expect(error.details).toMatchObject({ reason: "proxy", code: "ECONNREFUSED" });
  });

  it("reports an interrupted answer if the CLI would continue it", () => {
    const denied = report(`${STOPPED}one request, one call`);
    expect(errorAfter([answered(200), log(MOD_REPORTS.denied), denied], { begun: true }).message).toMatch(/broke off/);
  });
});
