import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eventsOf, simple } from "../support/harness.ts";
import { eventsFor, pacedReply, reply, type StreamEvent, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

/** Milliseconds: the smallest value that the CLI accepts. */
const BOUND = 10_000;
const EVENTS = [...eventsFor([text("one two three")])];
const never = new Promise<never>(() => {});

/** A response that falls silent after this many events. */
async function* silentAfter(count: number): AsyncGenerator<StreamEvent> {
  yield* EVENTS.slice(0, count);
  await never;
}

/** A response with only pings for longer than the timeout. */
async function* pinging(): AsyncGenerator<StreamEvent> {
  yield* EVENTS.slice(0, 4);
  for (let waited = 0; waited <= BOUND; waited += BOUND / 4) {
    yield { type: "ping" };
    await delay(BOUND / 4);
  }
  yield* EVENTS.slice(4);
}

const withoutPings = (events: { type?: unknown }[]) => events.filter(({ type }) => type !== "ping");

describe("a response that falls silent", { timeout: 60_000 }, () => {
  const app = sharedApp({ streamIdleTimeout: BOUND, maxConcurrent: 5 });

  it("ends at the timeout with an error, after one call, but not if it has pings", async () => {
    const answers: Record<string, () => AsyncGenerator<StreamEvent>> = {
      "before any event": () => silentAfter(0),
      "in a block": () => silentAfter(5),
      "after a block": () => silentAfter(EVENTS.length - 2),
      "before its end": () => silentAfter(EVENTS.length - 1),
      pinging,
    };
    app.fakeApi.respond = ({ body }) => pacedReply((answers[body.messages[0].content] as typeof pinging)());
    const [refused, ...streams] = await Promise.all(
      Object.keys(answers).map((name) => app.post(simple(name, { stream: true }))),
    );
    const [inBlock, afterBlock, whole, pinged] = await Promise.all(
      streams.map(async (stream) => withoutPings(await eventsOf(stream))),
    );
    const error = { type: "timeout_error", message: "The API sent nothing for 10 s. Send the request again." };
    expect([refused?.status, await refused?.json()]).toMatchObject([504, { error }]);
    expect(inBlock).toEqual([...withoutPings(EVENTS.slice(0, 5)), { type: "error", error }]);
    // the server cannot know whether upstream sent the last stop
    expect(afterBlock).toEqual([...withoutPings(EVENTS.slice(0, -3)), { type: "error", error }]);
    expect(whole).toEqual(withoutPings(EVENTS));
    expect(pinged).toEqual(withoutPings(EVENTS));
    expect(app.fakeApi.messages).toHaveLength(5);
    app.fakeApi.respond = () => reply([text("here again")]);
    const next = await Promise.all(Object.keys(answers).map(() => app.post(simple())));
    expect(next.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });
});

describe("an upstream that accepts a request and never responds", () => {
  const app = sharedApp({ extraEnvironment: { API_TIMEOUT_MS: "1000" } });

  it("causes a timeout after the CLI's own waiting time", async () => {
    app.fakeApi.respond = () => never;
    const response = await app.post(simple());
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ error: { type: "timeout_error" } });
    expect(app.fakeApi.messages).toHaveLength(1);
  });
});
