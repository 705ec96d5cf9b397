import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BatchCalls, outcomesIn } from "../support/batchCalls.ts";
import { eventsOf, simple, stage, until } from "../support/harness.ts";
import { gate, held, reply, text } from "../support/replies.ts";

it("a draining server finishes streams and batch requests, accepts no others, then closes", async () => {
  await using on = await stage({ maxConcurrent: 2 });
  const gates = { stream: gate(), batch: gate() };
  on.standIn.respond = ({ body }) => {
    const name = body.messages[0].content as keyof typeof gates;
    return name in gates ? held([text(`the ${name}`)], () => {}, gates[name].opened) : reply([text(name)]);
  };
  const batches = new BatchCalls(on);
  const requests = ["batch", "left for the next start"].map((name, n) => ({
    custom_id: `r${n}`,
    params: simple(name),
  }));
  const { id } = await batches.create(requests);
  const streamed = await on.post(simple("stream", { stream: true }));
  await until(() => on.standIn.messages.length === 2);

  let isClosed = false;
  const closed = on.server.close({ drain: true }).then(() => {
    isClosed = true;
  });
  gates.stream.open();
  expect((await eventsOf(streamed)).at(-1)).toEqual({ type: "message_stop" });
  // on the stream's connection, which the client may reuse, or on another
  for (let attempt = 0; attempt < 3; attempt++) {
    const late = on.post(simple("late")).then(({ status }) => status);
    expect(["refused", 529]).toContain(await late.catch(() => "refused"));
  }
  expect(isClosed).toBe(false);

  gates.batch.open();
  await closed;
  const results = await readFile(join(on.dataDir, "batches", id, "results.jsonl"), "utf8");
  expect([...outcomesIn(results)]).toMatchObject([["r0", { type: "succeeded" }]]);
  expect(on.standIn.messages).toHaveLength(2);
});
