import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it, vi } from "vitest";
import { newId } from "../../src/api/ids.ts";
import { type BatchRecord, zeroCounts } from "../../src/batches/record.ts";
import { patiently } from "../support/batchCalls.ts";
import { itThorough, sampled } from "../support/full.ts";
import { deferred, echo, failure } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { clientOf, expectUpstream, MODEL, SDKS } from "./sdks.ts";

vi.setConfig({ testTimeout: 300_000 });

type Batches = Anthropic["messages"]["batches"];
type Outcome = Anthropic.Messages.MessageBatchIndividualResponse;

const app = sharedApp({ maxConcurrent: 4 });

const params = (content: string): Anthropic.MessageCreateParamsNonStreaming => ({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: "user", content }],
});
const requests = (...names: string[]) => names.map((name) => ({ custom_id: name, params: params(name) }));

/** Both places where the SDK has batches, with the same shape as far as used here. */
const PLACES = SDKS.flatMap((sdk) => [
  { ...sdk, place: "messages", of: (client: Anthropic): Batches => client.messages.batches },
  { ...sdk, place: "beta.messages", of: (client: Anthropic) => client.beta.messages.batches as unknown as Batches },
]);

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

const byName = (outcomes: Outcome[]) =>
  Object.fromEntries(outcomes.map(({ custom_id, result }) => [custom_id, result]));

/** Stores ended batches without calling the server. */
async function storeEnded(count: number): Promise<void> {
  for (let age = 0; age < count; age++) {
    const time = Date.now() - age;
    const created_at = new Date(time).toISOString();
    const record: BatchRecord = {
      id: newId("msgbatch", time),
      processing_status: "ended",
      created_at,
      expires_at: new Date(time + 24 * 3600_000).toISOString(),
      ended_at: created_at,
      cancel_initiated_at: null,
      archived_at: null,
      total: 1,
      counts: { ...zeroCounts(), succeeded: 1 },
      api_version: "2023-06-01",
      betas: [],
    };
    const directory = join(app.dataDir, "batches", record.id);
    await mkdir(directory);
    await writeFile(join(directory, "batch.json"), JSON.stringify(record));
  }
}

describe.each(sampled(PLACES, 1))("$name, the batches of client.$place", ({ SDK, version, credential, of }) => {
  const ended = async (batches: Batches, id: string) => {
    await patiently(async () => (await batches.retrieve(id)).processing_status === "ended");
    return batches.retrieve(id);
  };

  it("creates a batch, sees it end, reads its results and deletes it", async () => {
    const { client, sent } = clientOf(SDK, app);
    const batches = of(client);
    app.fakeApi.respond = ({ body }) =>
      body.messages[0].content === "bad" ? failure(413, "request_too_large", "Too much") : echo(body);
    const created = await batches.create({ requests: requests("good", "bad") });
    expect(created).toMatchObject({ type: "message_batch", processing_status: "in_progress", results_url: null });
    expect(created.request_counts).toMatchObject({ processing: 2 });
    expect(created._request_id).toMatch(/^req_/);
    expect(sent[0]?.headers).toMatchObject({ "anthropic-version": version, ...credential });

    const { request_counts, results_url } = await ended(batches, created.id);
    expect(request_counts).toEqual({ processing: 0, succeeded: 1, errored: 1, canceled: 0, expired: 0 });
    expect(byName(await collect(await batches.results(created.id)))).toEqual({
      good: {
        type: "succeeded",
        message: expect.objectContaining({
          model: MODEL,
          content: [{ type: "text", text: "You said: good" }],
          usage: expect.objectContaining({ service_tier: "batch", output_tokens: 7 }),
        }),
      },
      bad: {
        type: "errored",
        error: {
          type: "error",
          error: { type: "request_too_large", message: "Too much" },
          request_id: expect.stringMatching(/^req_/),
        },
      },
    });
    expect(sent.at(-1)?.url).toBe(results_url);

    expect(await batches.delete(created.id)).toEqual({ id: created.id, type: "message_batch_deleted" });
    await expect(batches.retrieve(created.id)).rejects.toMatchObject({ status: 404 });
  });

  it("sends the same request as without a batch", async () => {
    const tools = [{ name: "look", input_schema: { type: "object" as const, properties: { b: {}, a: {} } } }];
    const asked = { ...params("Grüße \u2028"), system: "Be brief.", tools };
    const batches = of(clientOf(SDK, app).client);
    const { id } = await batches.create({ requests: [{ custom_id: "only", params: asked }] });
    await ended(batches, id);
    expectUpstream(app, asked);
  });

  itThorough("pages through all batches", async () => {
    const batches = of(clientOf(SDK, app).client);
    const before = await collect(batches.list());
    const created: string[] = [];
    for (let n = 0; n < 5; n++) created.unshift((await batches.create({ requests: requests(`r${n}`) })).id);
    const { client, sent } = clientOf(SDK, app);
    const listed = (await collect(of(client).list({ limit: 2 }))).map(({ id }) => id);
    expect(listed).toEqual([...created, ...before.map(({ id }) => id)]);
    expect(sent).toHaveLength(Math.ceil(listed.length / 2));
    const page = await batches.list({ before_id: created[4]!, limit: 3 });
    expect(page.data.map(({ id }) => id)).toEqual(created.slice(1, 4));
    expect(page.has_more).toBe(true);
    const newer = (await collect(batches.list({ before_id: created[4]!, limit: 3 }))).map(({ id }) => id);
    expect(newer).toEqual([...created.slice(1, 4), created[0]]);
    for (const id of created) await ended(batches, id);
  });

  it("deletes them all while it lists them", async () => {
    const { client, sent } = clientOf(SDK, app);
    const batches = of(client);
    await storeEnded(46);
    const all = (await batches.list({ limit: 1000 })).data.map(({ id }) => id);
    expect(all.length).toBeGreaterThanOrEqual(46);
    sent.length = 0;
    const seen: string[] = [];
    for await (const { id } of batches.list()) {
      seen.push(id);
      await batches.delete(id);
    }
    expect(seen).toEqual(all);
    expect(sent).toHaveLength(Math.ceil(all.length / 20) + all.length);
    expect((await batches.list()).data).toEqual([]);
  });

  it("cancels a batch", async () => {
    const go = deferred();
    app.fakeApi.respond = ({ body }) => go.promise.then(() => echo(body));
    const batches = of(clientOf(SDK, app).client);
    const { id } = await batches.create({ requests: requests("a", "b", "c", "d", "e") });
    await patiently(() => app.fakeApi.messages.length === 2);
    const canceling = await batches.cancel(id);
    expect(canceling).toMatchObject({ processing_status: "canceling", cancel_initiated_at: expect.any(String) });
    go.resolve();
    await ended(batches, id);
    const types = (await collect(await batches.results(id))).map(({ result }) => result.type);
    expect(types.sort()).toEqual(["canceled", "canceled", "canceled", "succeeded", "succeeded"]);
  });

  it("throws its own errors for what is rejected", async () => {
    const go = deferred();
    app.fakeApi.respond = ({ body }) => go.promise.then(() => echo(body));
    const batches = of(clientOf(SDK, app).client);
    await expect(batches.create({ requests: [] })).rejects.toBeInstanceOf(SDK.BadRequestError);
    await expect(batches.retrieve("msgbatch_none")).rejects.toBeInstanceOf(SDK.NotFoundError);
    const { id } = await batches.create({ requests: requests("a") });
    await expect(batches.delete(id)).rejects.toBeInstanceOf(SDK.BadRequestError);
    await expect(batches.results(id)).rejects.toThrow(/No .*results_url/i);
    go.resolve();
    await ended(batches, id);
  });
});
