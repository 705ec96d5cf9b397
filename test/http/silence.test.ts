import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FULL } from "../support/full.ts";
import { eventsOf, simple } from "../support/harness.ts";
import { rawRequest } from "../support/rawRequest.ts";
import { eventsFor, pacedReply, type StreamEvent, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

/** Milliseconds: longer than our own default, and than any limit that the CLI has on silence by itself. */
const SILENCE = 400_000;

const EVENTS = [...eventsFor([text("worth the wait")])];
const withoutPings = (events: { type?: unknown }[]) => events.filter(({ type }) => type !== "ping");

async function* pausedAfter(count: number): AsyncGenerator<StreamEvent> {
  yield* EVENTS.slice(0, count);
  // the subject: there is no condition to wait for, the silence itself must be survived
  await delay(SILENCE);
  yield* EVENTS.slice(count);
}

describe.runIf(FULL)("an upstream", { timeout: 2 * SILENCE }, () => {
  const app = sharedApp({ streamIdleTimeout: 0 });

  it("that falls silent in mid-answer is waited for, and the client is kept awake", async () => {
    app.fakeApi.respond = () => pacedReply(pausedAfter(4));
    const events = await eventsOf(await app.post(simple("x", { stream: true })));
    expect(withoutPings(events)).toEqual(withoutPings(EVENTS));
    expect(events.filter(({ type }) => type === "ping").length).toBeGreaterThan(SILENCE / 20_000);
    expect(app.fakeApi.messages).toHaveLength(1);
  });

  it("that keeps its answer to itself is waited for", async () => {
    app.fakeApi.respond = async () => {
      await delay(SILENCE);
      return pacedReply(EVENTS);
    };
    // `fetch` itself would not wait that long
    const headers = { "x-api-key": "any-key", "content-type": "application/json" };
    const asked = { method: "POST", path: "/v1/messages", headers, body: JSON.stringify(simple()) };
    const { status, text: body } = await rawRequest(app.url, asked);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ content: [{ type: "text", text: "worth the wait" }] });
    expect(app.fakeApi.messages).toHaveLength(1);
  });
});
