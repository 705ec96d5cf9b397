import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SUBSCRIPTION, secondsFromNow, TOO_MANY, usedUp } from "../support/limits.ts";
import { body, RawCli, type RawTurn } from "../support/rawCli.ts";
import { failure, reply, text } from "../support/replies.ts";

/** Takes effect at once, for later calls. */
const LOGGED = { env: { ANTHROPIC_LOG: "debug" } };

const RESET = secondsFromNow(7200);
const rejected = () => failure(429, "rate_limit_error", "Words", { ...usedUp(RESET), "retry-after": "7200" });
const tooMany = () => failure(429, "rate_limit_error", "Words", TOO_MANY);
const allowed = (utilization: string, status = "allowed") =>
  reply(
    [text("Hello")],
    {},
    {
      ...usedUp(RESET),
      "anthropic-ratelimit-unified-status": status,
      "anthropic-ratelimit-unified-5h-utilization": utilization,
    },
  );
const INFO = {
  status: "rejected",
  resetsAt: RESET,
  rateLimitType: "five_hour",
  overageStatus: "rejected",
  overageDisabledReason: "out_of_credits",
  isUsingOverage: false,
};

const limitsIn = ({ log }: RawTurn) =>
  log.filter(({ type }) => type === "rate_limit_event").map(({ rate_limit_info }) => rate_limit_info);
const reportIn = ({ log }: RawTurn) => log.find((line) => line.is_api_error_message);

describe.each([
  ["an API key", { ANTHROPIC_API_KEY: "sk-test-key" }],
  ["a subscription", SUBSCRIPTION],
])("signed in with %s, the SDK inside the CLI", (_how, env) => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({ system: [], env });
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => {
    cli.fakeApi.reset();
    cli.stderrLines.length = 0;
  });
  const quoted = (name: string, value: string) => cli.stderrLines.indexOf(`    "${name}": "${value}",`);

  it.each([
    ["429", tooMany, TOO_MANY],
    ["429 for a limit", rejected, usedUp(RESET)],
    ["529", () => failure(529, "overloaded_error", "Overloaded", { "retry-after": "17" }), { "retry-after": "17" }],
  ])("logs the headers of a %s on stderr, before the CLI quotes the refusal", async (_name, answer, headers) => {
    cli.fakeApi.respond = answer;
    await cli.turn(body(), LOGGED);
    const refusal = () => cli.stderrLines.findIndex((line) => line.includes("[ERROR] API error (attempt 1/1): "));
    await expect.poll(refusal).toBeGreaterThan(0);
    const head = cli.stderrLines.findIndex((line) =>
      /^\[Anthropic SDK DEBUG\] \[\w+\] response error .*\{$/.test(line),
    );
    for (const [name, value] of Object.entries(headers)) {
      expect(quoted(name, value)).toBeGreaterThan(head);
      expect(quoted(name, value)).toBeLessThan(refusal());
    }
  });

  it("logs those of a successful answer, but no request and no credentials", async () => {
    cli.fakeApi.respond = () => allowed("0.2");
    await cli.turn(body("A secret question"), LOGGED);
    await expect.poll(() => quoted("anthropic-ratelimit-unified-status", "allowed")).toBeGreaterThan(0);
    expect(cli.stderrLines.join("\n")).not.toMatch(/A secret question|sk-test-key|sk-ant-oat01-dummy/);
    expect(cli.stderrLines.join("\n")).toMatch(/^\[Anthropic SDK DEBUG\] \[\w+\] sending request \{$/m);
  });
});

describe("signed in with an API key, the CLI itself", () => {
  it("reports no rate limits", async () => {
    await using cli = await RawCli.start({ system: [] });
    cli.fakeApi.respond = rejected;
    const turn = await cli.turn(body());
    expect(limitsIn(turn)).toEqual([]);
    expect(reportIn(turn)).toMatchObject({ error: "rate_limit", api_error_status: 429 });
    expect(reportIn(turn)).not.toHaveProperty("api_error_params");
  });
});

describe("signed in with a subscription, the CLI itself", () => {
  let cli: RawCli;
  beforeEach(async () => {
    cli = await RawCli.start({ system: [], env: SUBSCRIPTION });
    return () => cli[Symbol.asyncDispose]();
  });

  it("reports the limit before the failure, and calls it reached", async () => {
    cli.fakeApi.respond = rejected;
    const turn = await cli.turn(body());
    expect(limitsIn(turn)).toEqual([expect.objectContaining(INFO)]);
    expect(turn.log.findIndex(({ type }) => type === "rate_limit_event")).toBeLessThan(
      turn.log.findIndex((line) => line.is_api_error_message),
    );
    expect(reportIn(turn)).toMatchObject({
      api_error_status: 429,
      api_error: "usage_limit_reached",
      api_error_params: { rate_limit_info: INFO },
    });
    expect(turn.result.result).toMatch(/^You've hit your 5-hour limit · resets /);
  });

  it("sends an event only when the limit changes, but includes it in every report", async () => {
    cli.fakeApi.respond = rejected;
    await cli.turn(body());
    const second = await cli.turn(body());
    expect(limitsIn(second)).toEqual([]);
    expect(reportIn(second)).toMatchObject({ api_error_params: { rate_limit_info: INFO } });
  });

  it("still asks upstream each time", async () => {
    cli.fakeApi.respond = rejected;
    await cli.turn(body());
    await cli.turn(body());
    cli.fakeApi.respond = () => allowed("0.1");
    expect((await cli.turn(body())).result.is_error).toBe(false);
    expect(cli.fakeApi.messages).toHaveLength(3);
  });

  it("calls any 429 rejected, but only a limit has a type", async () => {
    cli.fakeApi.respond = tooMany;
    const turn = await cli.turn(body());
    expect(limitsIn(turn)).toEqual([{ status: "rejected", isUsingOverage: false }]);
    expect(reportIn(turn)).not.toHaveProperty("api_error_params");
    expect(turn.result.result).toContain("not your usage limit");
  });

  it("reports the limits of a successful answer only after its end", async () => {
    cli.fakeApi.respond = () => allowed("0.92", "allowed_warning");
    const turn = await cli.turn(body());
    expect(limitsIn(turn)).toMatchObject([
      { status: "allowed_warning", rateLimitType: "five_hour", utilization: 0.92 },
    ]);
    const at = (type: string) => turn.log.findIndex((line) => line.type === type || line.event?.type === type);
    expect(at("rate_limit_event")).toBeGreaterThan(at("message_stop"));
    expect(at("rate_limit_event")).toBeLessThan(at("result"));
  });
});
