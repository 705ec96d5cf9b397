import { describe, expect, it } from "vitest";
import { stringify } from "../../../../../src/api/exactJson.ts";
import type { CliMessage } from "../../../../../src/claude/protocol/codec.ts";
import { RewriteOutcome } from "../../../../../src/claude/transport/rewrite/rewriteOutcome.ts";

const STOPPED = "A mod's http.fetch hook stopped this request: ";
const log = (text: string): CliMessage => ({ type: "system", subtype: "ui_log", plugin: "rewrite", text });
const answered = (status: number, headers: Record<string, string> = { "content-type": "application/json" }) =>
  log(`answered ${JSON.stringify({ status, headers })}`);
const report = (text: string, more: object = {}): CliMessage => ({
  ...{ type: "assistant", is_api_error_message: true, message: { content: [{ type: "text", text }] } },
  ...more,
});

function outcomeOf(logs: CliMessage[], reports: CliMessage[] = []) {
  const outcome = new RewriteOutcome(undefined, 10_000);
  for (const message of logs) outcome.addModReport(message);
  for (const message of reports) outcome.addErrorMessage(message);
  return outcome;
}

describe("an answer as one JSON", () => {
  const message = { id: "msg_1", content: [], usage: { output_tokens: 0 } };
  const answerFrom = (text: string) => outcomeOf([answered(200)], [report(STOPPED + text)]).wholeAnswer();

  it("is read from the report", () => {
    expect(answerFrom(`499 ${JSON.stringify(message)}`)).toEqual(message);
  });

  it("keeps tool inputs as written", () => {
    const json =
      '{"content":[{"type":"text","text":"a"},{"type":"mcp_tool_use","input":{"id":12345678901234567890,"1":1,"0":1.0}}],"usage":{}}';
    expect(stringify(answerFrom(`499 ${json}`)?.content)).toContain(
      '"input":{"id":12345678901234567890,"1":1,"0":1.0}',
    );
  });

  it.each(["499 <html>", '499 {"content":[],"usage":{', "499 [1]", '499 {"content":5}', "499 {}"])(
    "is undefined for %s",
    (text) => {
      expect(answerFrom(text)).toBeUndefined();
    },
  );

  it("is undefined for a refusal", () => {
    const refused = outcomeOf([answered(400)], [report(`${STOPPED}499 ${JSON.stringify(message)}`)]);
    expect(refused.wholeAnswer()).toBeUndefined();
  });
});
