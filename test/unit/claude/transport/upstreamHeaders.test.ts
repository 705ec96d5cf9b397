import { describe, expect, it } from "vitest";
import { isSdkLog } from "../../../../src/claude/process/stderrReader.ts";
import { subscriptionHeaders, UpstreamHeaders } from "../../../../src/claude/transport/upstreamHeaders.ts";
import { isSettled } from "../../../support/streams.ts";

const SENDING = [
  "[Anthropic SDK DEBUG] [log_1a2b3c] sending request {",
  '  method: "POST",',
  "  options: {",
  "    body: {",
  '      "retry-after": "1",',
  "    },",
  '    "retry-after": "2",',
  "  },",
  "}",
];
const answer = (how: string, ...headers: string[]) => [
  `[Anthropic SDK DEBUG] [log_1a2b3c] response ${how} {`,
  "  status: 429,",
  "  headers: {",
  ...headers.map((header) => `    ${header},`),
  "  },",
  "  durationMs: 8,",
  "}",
];
const REFUSED = answer(
  "error (error; no more retries left)",
  '"anthropic-ratelimit-unified-status": "rejected"',
  'connection: "keep-alive"',
  '"retry-after": "17"',
  '"request-id": "req_1"',
);

function headersIn(...lines: string[]): Record<string, string> {
  const headers = new UpstreamHeaders();
  for (const line of lines) headers.add(line);
  return headers.current;
}

describe("UpstreamHeaders", () => {
  it("keeps only headers on rate limits and identity", () => {
    const limits = { "anthropic-ratelimit-unified-status": "rejected", "retry-after": "17" };
    expect(headersIn(...SENDING, ...REFUSED)).toEqual({ ...limits, "request-id": "req_1" });
  });

  it("reports when they are complete", async () => {
    const headers = new UpstreamHeaders();
    for (const line of [...SENDING, ...REFUSED.slice(0, -1)]) headers.add(line);
    expect(await isSettled(headers.ready)).toBe(false);
    headers.add("}");
    expect(await isSettled(headers.ready)).toBe(true);
  });

  it("reads a successful answer", () => {
    const lines = answer("start", '"anthropic-ratelimit-tokens-remaining": "3"');
    expect(headersIn(...lines)).toEqual({ "anthropic-ratelimit-tokens-remaining": "3" });
  });

  it("takes nothing from the request", () => {
    expect(headersIn(...SENDING)).toEqual({});
  });

  it("forgets the last answer with the next request and the next answer", () => {
    expect(headersIn(...REFUSED, ...SENDING)).toEqual({});
    expect(headersIn(...REFUSED, ...answer("start"))).toEqual({});
  });

  it("keeps it through other lines, and ignores those", () => {
    const info = "[Anthropic SDK INFO] [log_1a2b3c] post failed with status 429 in 8ms";
    const parsed = "[Anthropic SDK DEBUG] [log_1a2b3c] response parsed {";
    const lines = [info, parsed, '    "retry-after": "99",'];
    expect(headersIn(...REFUSED, ...lines)).toEqual(headersIn(...REFUSED));
  });

  it("ignores a block whose beginning is missing", () => {
    expect(headersIn(...REFUSED.slice(1))).toEqual({});
  });
});

describe("isSdkLog", () => {
  it("matches every line of its log", () => {
    for (const line of [...SENDING, ...REFUSED]) expect(isSdkLog(line)).toBe(true);
  });

  it.each(["[log_1a2b3c] sending request {", "[log_1a2b3c, request-id: undefined] post failed"])(
    "matches its lines on stdout: %s",
    (line) => expect(isSdkLog(line)).toBe(true),
  );

  it.each([
    ["the CLI's own", "2026-11-22T09:13:45.925Z [ERROR] API error (attempt 1/1): 429 429 {}"],
    ["a stack's", "    at run (cli.js:1:2)"],
    ["an empty", ""],
  ])("does not match %s line", (_whose, line) => {
    expect(isSdkLog(line)).toBe(false);
  });
});

describe("subscriptionHeaders", () => {
  it("rebuilds the headers that the CLI has read", () => {
    const info = { status: "rejected", resetsAt: 1_800_000_000, rateLimitType: "five_hour", isUsingOverage: false };
    expect(
      subscriptionHeaders({ ...info, overageStatus: "rejected", overageDisabledReason: "out_of_credits" }),
    ).toEqual({
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-reset": "1800000000",
      "anthropic-ratelimit-unified-representative-claim": "five_hour",
      "anthropic-ratelimit-unified-overage-status": "rejected",
      "anthropic-ratelimit-unified-overage-disabled-reason": "out_of_credits",
    });
  });

  it("omits what the CLI does not report", () => {
    expect(subscriptionHeaders({ status: "rejected", resetsAt: null, rateLimitType: "seven_day" })).toEqual({
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-representative-claim": "seven_day",
    });
  });

  it.each([[undefined], [{ status: "rejected" }], [{ status: "rejected", resetsAt: 1_800_000_000 }]])(
    "makes no limit of %j",
    (info) => expect(subscriptionHeaders(info)).toEqual({}),
  );
});
