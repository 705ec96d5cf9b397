import { describe, expect, it } from "vitest";
import { secondsFromNow, usedUp } from "../support/limits.ts";
import { failure, reply, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { MODEL, SDKS } from "./sdks.ts";

const app = sharedApp();

describe.each(SDKS)("the official SDK, $name, with its own retries", ({ SDK }) => {
  const ask = () =>
    new SDK({ baseURL: app.url, apiKey: "local-key", authToken: null }).messages.create({
      model: MODEL,
      max_tokens: 100,
      messages: [{ role: "user", content: "Hello" }],
    });

  it("waits as long as upstream says", async () => {
    const answers = [failure(429, "rate_limit_error", "Slow down", { "retry-after": "1" }), reply([text("Hello")])];
    const askedAt: number[] = [];
    app.fakeApi.respond = () => answers[askedAt.push(Date.now()) - 1]!;
    expect(await ask()).toMatchObject({ content: [{ text: "Hello" }] });
    expect(askedAt[1]! - askedAt[0]!).toBeGreaterThanOrEqual(1000);
  });

  it("gives up at once on a limit of hours, which it would otherwise sit out", async () => {
    app.fakeApi.respond = () => failure(429, "rate_limit_error", "Used up", usedUp(secondsFromNow(7200)));
    await expect(ask()).rejects.toMatchObject({ status: 429, error: { error: { message: "Used up" } } });
    expect(app.fakeApi.messages).toHaveLength(1);
  });
});
