import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { BatchRecord } from "../../src/batches/record.ts";
import { BatchCalls, items, patiently } from "../support/batchCalls.ts";
import { fakeCli } from "../support/fakeCli.ts";
import { itThorough, QUICK } from "../support/full.ts";
import { type App, scratchHome, startApp } from "../support/harness.ts";
import { deferred, echo, failure } from "../support/replies.ts";

vi.setConfig({ testTimeout: 300_000 });

const HOUR = 3600_000;
/** Milliseconds that a batch has left when a server starts, which may be slow on a busy machine. */
const LEFT = QUICK ? 6000 : 12_000;
const idOf = (body: { messages: { content: string }[] }) => body.messages.at(-1)!.content;
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

/** Runs a server on the directory during `use`, with this many concurrent requests of a batch. */
async function during<T>(
  dataDir: string,
  use: (batches: BatchCalls, app: App) => Promise<T>,
  { concurrency = 1, claudePath }: { concurrency?: number; claudePath?: string } = {},
): Promise<T> {
  // batches get half of the server's concurrency
  await using app = await startApp({ dataDir, maxConcurrent: 2 * concurrency, ...(claudePath && { claudePath }) });
  // awaited, because the server ends with this function
  return await use(new BatchCalls(app), app);
}

/** Starts a batch of four requests, and ends its server when two are answered and one is in flight. Returns its id. */
function begun(dataDir: string): Promise<string> {
  return during(dataDir, async (batches, app) => {
    app.fakeApi.respond = ({ body }) =>
      ["r0", "r1"].includes(idOf(body)) ? echo(body) : deferred().promise.then(() => echo(body));
    const { id } = await batches.create(items(4));
    await patiently(async () => app.fakeApi.messages.length === 3 && (await answered(dataDir, id)) === 2);
    return id;
  });
}

/** The stored results. */
async function answered(dataDir: string, id: string): Promise<number> {
  return (await readFile(join(dataDir, "batches", id, "results.jsonl"), "utf8")).split("\n").length - 1;
}

/** Changes a stored batch as if time had passed. */
async function change(dataDir: string, id: string, changes: Partial<BatchRecord>): Promise<void> {
  const path = join(dataDir, "batches", id, "batch.json");
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...changes }));
}

describe("a batch on a directory", () => {
  it("resumes where the last server stopped, and sends no answered request again", async () => {
    await using scratch = await scratchHome();
    const id = await begun(scratch.home);
    await during(scratch.home, async (batches, app) => {
      const { request_counts, results_url } = await batches.ended(id);
      expect(request_counts).toEqual({ processing: 0, succeeded: 4, errored: 0, canceled: 0, expired: 0 });
      expect(results_url).toBe(`${app.url}/v1/messages/batches/${id}/results`);
      expect([...(await batches.outcomes(id)).keys()].sort()).toEqual(["r0", "r1", "r2", "r3"]);
      expect(app.fakeApi.messages.map(({ body }) => idOf(body)).sort()).toEqual(["r2", "r3"]);
    });
  });

  it("that has ended is unchanged, with its results", async () => {
    await using scratch = await scratchHome();
    const claudePath = await fakeCli(join(scratch.home, "cli"));
    const begin = async (batches: BatchCalls) => {
      const { id } = await batches.create(items(2));
      await batches.ended(id);
      return { id, results: await batches.results(id) };
    };
    const { id, results } = await during(scratch.home, begin, { claudePath });
    const goOn = async (batches: BatchCalls) => {
      expect(await batches.results(id)).toBe(results);
      expect((await batches.list()).data.map((batch) => batch.id)).toEqual([id]);
      expect((await batches.call(`/${id}`, { method: "DELETE" })).status).toBe(200);
      expect(existsSync(join(scratch.home, "batches", id))).toBe(false);
    };
    await during(scratch.home, goOn, { claudePath });
  });

  it("that was being canceled ends canceled", async () => {
    await using scratch = await scratchHome();
    const canceling = await during(scratch.home, async (batches, app) => {
      app.fakeApi.respond = ({ body }) => deferred().promise.then(() => echo(body));
      const { id } = await batches.create(items(6));
      await patiently(() => app.fakeApi.messages.length === 1);
      return batches.cancel(id);
    });
    await during(scratch.home, async (batches, app) => {
      const ended = await batches.ended(canceling.id);
      expect(ended).toMatchObject({ cancel_initiated_at: canceling.cancel_initiated_at });
      expect(ended.request_counts).toMatchObject({ canceled: 6 });
      expect(new Set([...(await batches.outcomes(ended.id)).values()].map(({ type }) => type))).toEqual(
        new Set(["canceled"]),
      );
      expect(app.fakeApi.messages).toEqual([]);
    });
  });
});

describe("after 24 hours, a batch", () => {
  itThorough("ends with its results, and the other requests expire", async () => {
    await using scratch = await scratchHome();
    const id = await begun(scratch.home);
    await change(scratch.home, id, { created_at: ago(25 * HOUR), expires_at: ago(HOUR) });
    await during(scratch.home, async (batches, app) => {
      expect((await batches.ended(id)).request_counts).toMatchObject({ succeeded: 2, expired: 2 });
      const outcomes = await batches.outcomes(id);
      for (const late of ["r2", "r3"]) expect(outcomes.get(late)).toEqual({ type: "expired" });
      expect(outcomes.get("r0")).toMatchObject({ type: "succeeded" });
      expect(app.fakeApi.messages).toEqual([]);
    });
  });

  itThorough("cancels requests that are in flight or wait for a limit", async () => {
    await using scratch = await scratchHome();
    const id = await begun(scratch.home);
    await change(scratch.home, id, { expires_at: new Date(Date.now() + LEFT).toISOString() });
    const use = async (batches: BatchCalls, app: App) => {
      app.fakeApi.respond = ({ body }) => {
        if (idOf(body) === "r2") return deferred().promise.then(() => echo(body));
        return failure(429, "rate_limit_error", "Slow down", { "retry-after": "86400" });
      };
      expect((await batches.ended(id)).request_counts).toMatchObject({ succeeded: 2, expired: 2 });
      for (const { finished, body } of app.fakeApi.messages) {
        if (idOf(body) === "r2") expect(await finished).toBe(false);
      }
    };
    await during(scratch.home, use, { concurrency: 2 });
  });
});

describe("29 days after its creation, a batch", () => {
  it("is archived: still listed, without results", async () => {
    await using scratch = await scratchHome();
    const claudePath = await fakeCli(join(scratch.home, "cli"));
    const begin = async (batches: BatchCalls) => {
      const created = [await batches.create(items(1)), await batches.create(items(1))] as const;
      for (const { id } of created) await batches.ended(id);
      return created;
    };
    const [young, old] = await during(scratch.home, begin, { claudePath });
    await change(scratch.home, old.id, { created_at: ago(29 * 24 * HOUR + 60_000) });
    await change(scratch.home, young.id, { created_at: ago(29 * 24 * HOUR - HOUR) });
    const goOn = async (batches: BatchCalls) => {
      const archived = await batches.get(old.id);
      expect(archived).toMatchObject({ processing_status: "ended", results_url: null });
      expect(Date.parse(archived.archived_at!)).toBeLessThanOrEqual(Date.now());
      expect(archived.request_counts).toMatchObject({ succeeded: 1 });
      expect((await batches.list()).data).toEqual([await batches.get(young.id), archived]);
      const refused = await batches.call(`/${old.id}/results`);
      expect([refused.status, await refused.json()]).toMatchObject([400, { error: { type: "invalid_request_error" } }]);
      expect(existsSync(join(scratch.home, "batches", old.id, "results.jsonl"))).toBe(false);
      expect((await batches.get(young.id)).archived_at).toBeNull();
      expect((await batches.outcomes(young.id)).size).toBe(1);
      expect((await batches.call(`/${old.id}`, { method: "DELETE" })).status).toBe(200);
    };
    await during(scratch.home, goOn, { claudePath });
  });
});
