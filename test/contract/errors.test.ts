import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { body, RawCli } from "../support/rawCli.ts";
import { eventsFor, failure, pacedReply, type StreamEvent, text } from "../support/replies.ts";

const STATUSES: [number, string, string][] = [
  [400, "invalid_request_error", "foo: Extra inputs are not permitted"],
  [401, "authentication_error", "invalid x-api-key"],
  [403, "permission_error", "Your API key does not have permission"],
  [404, "not_found_error", "model: claude-nothing-9"],
  [413, "request_too_large", "Request exceeds the maximum size"],
  [429, "rate_limit_error", "Number of requests has exceeded your rate limit"],
  [500, "api_error", "Internal server error"],
  [504, "timeout_error", "The request timed out"],
  [529, "overloaded_error", "Overloaded"],
];

describe("after a failed call, the CLI", () => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({ system: [] });
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => {
    cli.fakeApi.reset();
    cli.stderrLines.length = 0;
  });

  it.each(STATUSES)(
    "reports status %i and type %s, and quotes upstream's message on stderr",
    async (status, type, message) => {
      cli.fakeApi.respond = () => failure(status, type, message);
      const { log, result } = await cli.turn(body());
      const report = log.find((line) => line.is_api_error_message);
      expect(report).toMatchObject({ api_error_status: status, request_id: expect.stringMatching(/^req_/) });
      // only newer versions report it here; all quote it
      if (report?.api_error_type !== undefined) expect(report.api_error_type).toBe(type);
      expect(result.api_error_status).toBe(status);
      await expect
        .poll(() => cli.stderrLines.find((line) => line.includes("[ERROR] API error (attempt 1/1): ")))
        .toMatch(
          new RegExp(
            `: ${status} ${status} \\{.*"type":"${type}".*"message":${JSON.stringify(message).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}.*"request_id":"req_`,
          ),
        );
    },
  );

  it("redacts words about tokens in its quotation, but not in its report", async () => {
    const message = "max_tokens: 128000 > 64000";
    cli.fakeApi.respond = () => failure(400, "invalid_request_error", message);
    const { log } = await cli.turn(body());
    const report = log.find((line) => line.is_api_error_message);
    expect(report?.message.content[0].text).toBe(`API Error: 400 ${message}`);
    await expect
      .poll(() => cli.stderrLines.find((line) => line.includes("[ERROR] API error (attempt 1/1): ")))
      .toContain('"message":"max_tokens: [REDACTED] > 64000"');
  });

  it("rewords some messages, which then cannot be forwarded", async () => {
    cli.fakeApi.respond = () => failure(404, "not_found_error", "model: claude-nothing-9");
    const { result } = await cli.turn(body());
    expect(result.result).not.toContain("model: claude-nothing-9");
  });

  it("quotes the error event of a broken stream, then ends block and message itself", async () => {
    const begun = [...eventsFor([text("a b c")])].slice(0, 4);
    const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    cli.fakeApi.respond = () => pacedReply([...begun, overloaded]);
    const { events, log, result } = await cli.turn(body());
    expect(result.is_error).toBe(true);
    expect(events.at(-2)).toMatchObject({ type: "message_delta", delta: { stop_reason: null } });
    expect(events.at(-1)).toEqual({ type: "message_stop" });
    const ends = log.filter((line) => line.event?.type === "message_stop");
    expect(ends).toEqual([expect.objectContaining({ abandoned_blocks: expect.anything() })]);
    await expect
      .poll(() => cli.stderrLines.find((line) => line.includes("Error streaming (non-streaming fallback disabled)")))
      .toContain(JSON.stringify(overloaded));
  });

  it.each([
    ["before its stop reason", [{ stop_reason: null }, {}]],
    ["after its stop reason", [{}, { stop_reason: null }]],
    ["in place of it", [{ stop_reason: null }]],
  ])("forwards a delta without a stop reason, %s, and marks no end as its own", async (_where, deltas) => {
    const answer = [...eventsFor([text("a b c")])];
    const end = answer.at(-2) as StreamEvent;
    const ends = deltas.map((more) => ({ ...end, type: "message_delta", delta: { ...end.delta, ...more } }));
    const sent = [...answer.slice(0, -2), ...ends, { type: "message_stop" }];
    cli.fakeApi.respond = () => pacedReply(sent);
    const { events, log, result } = await cli.turn(body());
    expect(events).toEqual(sent.filter(({ type }) => type !== "ping"));
    expect(log.filter((line) => line.abandoned_blocks)).toEqual([]);
    expect(result.is_error).toBe(false);
  });

  it("reports an answer that is not a stream as one without events, and logs its type on stderr", async () => {
    cli.fakeApi.respond = () => ({ status: 200, plain: "<html></html>" });
    const { log } = await cli.turn(body(), { env: { ANTHROPIC_LOG: "debug" } });
    const report = log.find((line) => line.is_api_error_message);
    expect(report?.message.content[0].text).toContain("Stream ended without receiving any events");
    await expect.poll(() => cli.stderrLines).toContain('    "content-type": "text/html",');
  });

  it("reports no status or type when the connection drops", async () => {
    cli.fakeApi.respond = () => ({ hangUp: true });
    const { log } = await cli.turn(body());
    const report = log.find((line) => line.is_api_error_message);
    expect(report).toMatchObject({ api_error: "connection_failed" });
    expect(report).not.toHaveProperty("api_error_status");
  });

  it("hides a 429 behind its own retries if allowed", async () => {
    await using retrying = await RawCli.start({ system: [], env: { CLAUDE_CODE_MAX_RETRIES: "1" } });
    retrying.fakeApi.respond = () => failure(429, "rate_limit_error", "Slow down", { "retry-after": "0" });
    await retrying.turn(body());
    expect(retrying.fakeApi.messages).toHaveLength(2);
  });
});
