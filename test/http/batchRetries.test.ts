import { describe, expect, it, vi } from "vitest";
import type { Progress } from "../../src/batches/batches.ts";
import type { Pause } from "../../src/batches/circuitBreaker.ts";
import { BatchCalls, items, patiently } from "../support/batchCalls.ts";
import { itThorough, sampled } from "../support/full.ts";
import { type App, health, simple } from "../support/harness.ts";
import { SUBSCRIPTION, secondsFromNow, usedUp } from "../support/limits.ts";
import { echo, failure, type Reply } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

vi.setConfig({ testTimeout: 300_000 });

/** The batches in `/health`. */
async function progress(app: App): Promise<Progress[]> {
  return (await health(app)).batches;
}

/** Answers with the failure once, then as usual. Returns the times of the calls in milliseconds. */
function failOnce(app: App, reply: () => Reply): number[] {
  const calls: number[] = [];
  app.fakeApi.respond = ({ body }) => (calls.push(Date.now()) === 1 ? reply() : echo(body));
  return calls;
}

/** Waits for the running batch to pause. */
async function pauseOf(app: App, id: string): Promise<Pause> {
  let found: Progress | undefined;
  await patiently(async () => {
    [found] = await progress(app);
    return found?.paused !== null && found?.paused !== undefined;
  });
  expect(found).toMatchObject({ id, total: 1, done: 0 });
  return found!.paused!;
}

describe("a request of a batch", () => {
  const app = sharedApp();
  const batches = new BatchCalls(app);

  const passing: [number, string, object][] = [
    [401, "authentication_error", {}],
    [429, "rate_limit_error", { "retry-after": "1" }],
    [500, "api_error", {}],
    [504, "timeout_error", {}],
    [529, "overloaded_error", {}],
  ];
  it.each(sampled(passing, 2, 1))("is sent again after one %i %s, and succeeds", async (status, type, headers) => {
    const calls = failOnce(app, () => failure(status, type, "Words", headers as Record<string, string>));
    const { id } = await batches.create(items(1));
    expect((await batches.ended(id)).request_counts).toMatchObject({ succeeded: 1, errored: 0 });
    expect((await batches.outcomes(id)).get("r0")).toMatchObject({
      message: { content: [{ text: "You said: r0" }] },
    });
    expect(calls).toHaveLength(2);
  });

  it("is sent again after a broken connection, and succeeds", async () => {
    failOnce(app, () => ({ hangUp: true }));
    const { id } = await batches.create(items(1));
    expect((await batches.ended(id)).request_counts).toMatchObject({ succeeded: 1 });
  });

  const final: [number, string, string][] = [
    [400, "invalid_request_error", "messages: something is wrong with them"],
    [403, "permission_error", "Not for you"],
    [413, "request_too_large", "Request exceeds the maximum size"],
  ];
  it.each(sampled(final, 3, 1))(
    "is not sent again after a %i %s, and ends with upstream's message",
    async (status, type, message) => {
      app.fakeApi.respond = () => failure(status, type, message);
      const { id } = await batches.create(items(1));
      expect((await batches.ended(id)).request_counts).toMatchObject({ errored: 1 });
      // upstream's id of the failure
      const request_id = expect.stringMatching(/^req_[0-9a-f]{24}$/);
      const error = { type: "error", error: { type, message }, request_id };
      expect((await batches.outcomes(id)).get("r0")).toEqual({ type: "errored", error });
      // the CLI itself repeats some calls that were rejected with 400
      expect(app.fakeApi.messages.length).toBeLessThanOrEqual(status === 400 ? 2 : 1);
    },
  );

  it("waits for upstream's retry-after, and /health reports it", async () => {
    const calls = failOnce(app, () => failure(429, "rate_limit_error", "Slow down", { "retry-after": "3" }));
    const { id } = await batches.create(items(1));
    const { until, reason } = await pauseOf(app, id);
    expect(reason).toBe("Slow down");
    expect(Date.parse(until)).toBeGreaterThanOrEqual(calls[0]! + 3000);
    await batches.ended(id);
    expect(calls).toHaveLength(2);
    expect(calls[1]).toBeGreaterThanOrEqual(Date.parse(until));
    expect(await progress(app)).toEqual([]);
  });

  it("waits for a limit that another one has met, while interactive requests are served", async () => {
    failOnce(app, () => failure(429, "rate_limit_error", "Slow down", { "retry-after": "3600" }));
    const first = await batches.create(items(1, "first-"));
    await pauseOf(app, first.id);
    const second = await batches.create(items(1, "second-"));
    expect((await app.post(simple("mine"))).status).toBe(200);
    expect((await progress(app)).map(({ done, paused }) => [done, paused?.reason])).toEqual([
      [0, "Slow down"],
      [0, "Slow down"],
    ]);
    for (const { id } of [first, second]) {
      await batches.cancel(id);
      expect((await batches.ended(id)).request_counts).toMatchObject({ canceled: 1 });
    }
    expect(app.fakeApi.messages).toHaveLength(2);
  });
});

describe("a batch of a subscription", () => {
  const app = sharedApp({ extraEnvironment: SUBSCRIPTION });
  const batches = new BatchCalls(app);

  itThorough("pauses when the limit is used up, and continues after its reset", async () => {
    let reset = 0;
    const calls = failOnce(app, () => {
      reset = secondsFromNow(5);
      return failure(429, "rate_limit_error", "Used up", usedUp(reset));
    });
    const { id } = await batches.create(items(1));
    const { until, reason } = await pauseOf(app, id);
    expect(reason).toBe("Used up");
    expect(Date.parse(until)).toBeGreaterThanOrEqual(1000 * reset);
    expect((await batches.get(id)).processing_status).toBe("in_progress");
    expect((await batches.ended(id)).request_counts).toMatchObject({ succeeded: 1 });
    expect(calls).toHaveLength(2);
    expect(calls[1]).toBeGreaterThanOrEqual(1000 * reset);
  });
});
