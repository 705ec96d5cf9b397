import { describe, expect, it } from "vitest";
import { eventsOf, health, type Stage, simple, stage, until } from "../support/harness.ts";
import { gate, held, text } from "../support/replies.ts";
import { longAnswer, unreading } from "../support/unreading.ts";

const CLOSING = { type: "overloaded_error", message: "The server is shutting down." };

/** A stage whose upstream begins each response and never ends it. */
async function begun(on: Stage): Promise<void> {
  const began = gate();
  on.standIn.respond = () => held([text("one two three")], began.open, gate().opened);
  return began.opened;
}

describe("a closing server", () => {
  it("ends an open stream with an error event, and other requests with a 529", async () => {
    await using on = await stage({ maxConcurrent: 2 });
    const began = begun(on);
    const streamed = await on.post(simple("x", { stream: true }));
    await began;
    const folded = on.post(simple());
    await until(() => on.standIn.messages.length === 2);
    const waiting = on.post(simple("waiting", { stream: true }));
    await until(async () => (await health(on)).requests.waiting === 1);
    const closed = on.server.close();
    expect((await eventsOf(streamed)).at(-1)).toEqual({ type: "error", error: CLOSING });
    for (const answer of [await folded, await waiting]) {
      expect(answer.status).toBe(529);
      expect(await answer.json()).toMatchObject({ type: "error", error: CLOSING });
    }
    await closed;
    expect(on.standIn.messages).toHaveLength(2);
  });

  it("does not wait for a client that reads nothing", async () => {
    await using on = await stage();
    on.standIn.respond = longAnswer;
    await unreading(on.url, true);
    await until(() => on.standIn.messages.length === 1);
    await on.server.close();
  });
});
