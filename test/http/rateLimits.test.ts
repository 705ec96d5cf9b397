import { describe, expect, it } from "vitest";
import { simple, until } from "../support/harness.ts";
import { SUBSCRIPTION, secondsFromNow, TOO_MANY, usedUp } from "../support/limits.ts";
import { failure, reply, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const TOLD = /^(retry-after|x-should-retry|anthropic-ratelimit-.*)$/;
const limitsOf = (response: Response) => Object.fromEntries([...response.headers].filter(([name]) => TOLD.test(name)));

describe("signed in with an API key", () => {
  const app = sharedApp();

  describe.each([true, false])("with stream %s", (stream) => {
    it.each([
      [429, "rate_limit_error", TOO_MANY],
      [529, "overloaded_error", { "retry-after": "17" }],
      [400, "invalid_request_error", { "x-should-retry": "false" }],
      [500, "api_error", {}],
    ])("a %i %s keeps upstream's headers about limits", async (status, type, headers) => {
      app.fakeApi.respond = () => failure(status, type, "Words", headers as Record<string, string>);
      const response = await app.post(simple("x", { stream }));
      expect(response.status).toBe(status);
      expect(limitsOf(response)).toEqual(headers);
    });

    it("a good answer keeps them, too, and says in upstream's words whose it is", async () => {
      const own = {
        "request-id": "req_upstream",
        "anthropic-organization-id": "org_1",
        "anthropic-workspace-id": "w_1",
      };
      const { "retry-after": _, ...limits } = TOO_MANY;
      app.fakeApi.respond = () => reply([text("Hello")], {}, { ...own, ...limits, "x-gateway": "hush-hush" });
      const { headers } = await app.post(simple("x", { stream }));
      expect(Object.fromEntries(headers)).toMatchObject({ ...own, ...limits });
      expect(headers.has("x-gateway")).toBe(false);
      app.fakeApi.respond = () => reply([text("Hello")]);
      const next = await app.post(simple("x", { stream }));
      expect(next.headers.get("request-id")).toMatch(/^req_[0-9a-f]{24}$/);
      expect(limitsOf(next)).toEqual({});
    });

    it("the headers of one answer are never those of another", async () => {
      app.fakeApi.respond = () => reply([text("Hello")], {}, TOO_MANY);
      await (await app.post(simple("x", { stream }))).text();
      app.fakeApi.respond = () => failure(429, "rate_limit_error", "Words");
      expect(limitsOf(await app.post(simple("x", { stream })))).toEqual({});
      app.fakeApi.respond = () => failure(429, "rate_limit_error", "Words", TOO_MANY);
      await app.post(simple("x", { stream }));
      app.fakeApi.respond = () => ({ hangUp: true });
      expect(limitsOf(await app.post(simple("x", { stream })))).toEqual({});
    });
  });
});

describe("signed in with a subscription", () => {
  const app = sharedApp({ extraEnvironment: SUBSCRIPTION });
  const post = (seconds: number, headers = {}) => {
    const limit = { ...usedUp(secondsFromNow(seconds)), ...headers };
    app.fakeApi.respond = () => failure(429, "rate_limit_error", "This request would exceed your rate limit.", limit);
    return app.post(simple());
  };

  it("a limit that is used up is reported with upstream's message and its reset, and is not to be retried", async () => {
    const response = await post(7200);
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({
      error: { type: "rate_limit_error", message: "This request would exceed your rate limit." },
    });
    const { "retry-after": retryAfter, ...others } = limitsOf(response);
    expect(Number(retryAfter)).toBeGreaterThan(7000);
    expect(Number(retryAfter)).toBeLessThanOrEqual(7200);
    expect(others).toEqual({
      ...usedUp(Number(others["anthropic-ratelimit-unified-reset"])),
      "x-should-retry": "false",
    });
  });

  it("it is reported each time, although the CLI reports it once", async () => {
    const answers = [await post(7200), await post(7200)];
    for (const { headers } of answers) expect(headers.get("anthropic-ratelimit-unified-status")).toBe("rejected");
    expect(app.fakeApi.messages).toHaveLength(2);
  });

  it("a reset that is near may be waited for", async () => {
    const response = await post(20, { "retry-after": "17" });
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(17);
    expect(response.headers.has("x-should-retry")).toBe(false);
  });

  it("too many requests at a time are no such limit", async () => {
    app.fakeApi.respond = () => failure(429, "rate_limit_error", "Slow down", TOO_MANY);
    expect(limitsOf(await app.post(simple()))).toEqual(TOO_MANY);
  });
});

describe("the log", () => {
  const app = sharedApp({
    transport: "overlay",
    extraEnvironment: { ANTHROPIC_CUSTOM_HEADERS: "x-gateway: hush-hush" },
  });

  it("has the CLI's lines, but not those in which its SDK shows headers", async () => {
    await app.post(simple());
    expect(app.fakeApi.messages[0]?.headers["x-gateway"]).toBe("hush-hush");
    await until(() => app.log.some((line) => line.includes("[API REQUEST]")));
    await app.post(simple());
    expect(app.log.join("\n")).not.toMatch(/hush-hush|Anthropic SDK/);
  });
});
