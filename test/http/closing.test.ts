import { describe, expect, it } from "vitest";
import { DESCRIBE_HEADER } from "../../src/api/messageDescriptors.ts";
import { type App, eventsOf, health, simple, startApp, until } from "../support/harness.ts";
import { deferred, heldReply, text } from "../support/replies.ts";
import { longAnswer, unreading } from "../support/unreading.ts";

const CLOSING = { type: "overloaded_error", message: "The server is shutting down." };

/** An app whose upstream begins each response and never ends it. */
async function begun(app: App): Promise<void> {
  const began = deferred();
  app.fakeApi.respond = () => heldReply([text("one two three")], began.resolve, deferred().promise);
  return began.promise;
}

describe("a closing server", () => {
  it("ends an open stream with an error event, and other requests with a 529", async () => {
    await using app = await startApp({ maxConcurrent: 2 });
    const began = begun(app);
    const streamed = await app.post(simple("x", { stream: true }));
    await began;
    const folded = app.post(simple());
    await until(() => app.fakeApi.messages.length === 2);
    const waiting = app.post(simple("waiting", { stream: true }));
    await until(async () => (await health(app)).requests.waiting === 1);
    const closed = app.server.close();
    expect((await eventsOf(streamed)).at(-1)).toEqual({ type: "error", error: CLOSING });
    for (const answer of [await folded, await waiting]) {
      expect(answer.status).toBe(529);
      expect(await answer.json()).toMatchObject({ type: "error", error: CLOSING });
    }
    await closed;
    expect(app.fakeApi.messages).toHaveLength(2);
  });

  it("describes the error that ends a stream to a client that asks for it", async () => {
    await using app = await startApp();
    const began = begun(app);
    const streamed = await app.post(simple("x", { stream: true }), { [DESCRIBE_HEADER]: "1" });
    await began;
    const closed = app.server.close();
    const error = { ...CLOSING, details: { message: { id: "server_shutting_down", values: {} } } };
    expect((await eventsOf(streamed)).at(-1)).toEqual({ type: "error", error });
    await closed;
  });

  it("does not wait for a client that reads nothing", async () => {
    await using app = await startApp();
    app.fakeApi.respond = longAnswer;
    await unreading(app.url, true);
    await until(() => app.fakeApi.messages.length === 1);
    await app.server.close();
  });
});
