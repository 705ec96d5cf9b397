import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BatchCalls, outcomesIn } from "../support/batchCalls.ts";
import { eventsOf, simple, startApp, until } from "../support/harness.ts";
import { deferred, heldReply, reply, text } from "../support/replies.ts";

it("a draining server finishes streams and batch requests, accepts no others, then closes", async () => {
  await using app = await startApp({ maxConcurrent: 2 });
  const gates = { stream: deferred(), batch: deferred() };
  app.fakeApi.respond = ({ body }) => {
    const name = body.messages[0].content as keyof typeof gates;
    return name in gates ? heldReply([text(`the ${name}`)], () => {}, gates[name].promise) : reply([text(name)]);
  };
  const batches = new BatchCalls(app);
  const requests = ["batch", "left for the next start"].map((name, n) => ({
    custom_id: `r${n}`,
    params: simple(name),
  }));
  const { id } = await batches.create(requests);
  const streamed = await app.post(simple("stream", { stream: true }));
  await until(() => app.fakeApi.messages.length === 2);

  let isClosed = false;
  const closed = app.server.close({ drain: true }).then(() => {
    isClosed = true;
  });
  gates.stream.resolve();
  expect((await eventsOf(streamed)).at(-1)).toEqual({ type: "message_stop" });
  // on the stream's connection, which the client may reuse, or on another
  for (let attempt = 0; attempt < 3; attempt++) {
    const late = app.post(simple("late")).then(({ status }) => status);
    expect(["refused", 529]).toContain(await late.catch(() => "refused"));
  }
  expect(isClosed).toBe(false);

  gates.batch.resolve();
  await closed;
  const results = await readFile(join(app.dataDir, "batches", id, "results.jsonl"), "utf8");
  expect([...outcomesIn(results)]).toMatchObject([["r0", { type: "succeeded" }]]);
  expect(app.fakeApi.messages).toHaveLength(2);
});
