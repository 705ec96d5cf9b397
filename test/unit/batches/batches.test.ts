import { open as openFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ApiError, invalidRequest } from "../../../src/api/errors.ts";
import type { Message } from "../../../src/api/events.ts";
import { Batches } from "../../../src/batches/batches.ts";
import type { Execute } from "../../../src/batches/execute.ts";
import type { Logger } from "../../../src/shared/logger.ts";
import { DataDirectory } from "../../../src/storage/dataDirectory.ts";
import { Quota } from "../../../src/storage/quota.ts";
import { outcomesIn } from "../../support/batchCalls.ts";
import { until } from "../../support/harness.ts";
import { gate } from "../../support/replies.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { silentLogger } from "../support/silentLogger.ts";
import { collect, from } from "../support/streams.ts";

const CONCURRENCY = 3;

const answer = (text: unknown) => ({ content: [{ type: "text", text }] }) as unknown as Message;
const failure = (status: number) => new ApiError(status, "api_error", `Words for ${status}`);

/** Batches on a directory, whose requests this function answers by their text; `calls` has every attempt. */
async function open(
  path: string,
  execute: (text: string, signal: AbortSignal) => unknown,
  quota = new Quota(0),
  logger: Logger = silentLogger,
) {
  const calls: string[] = [];
  const asked: Execute = async (params, _batch, { signal, admission, taken }) => {
    const { text } = params as { text: string };
    admission.confirm();
    calls.push(text);
    await turn();
    const message = answer(await execute(text, signal));
    taken();
    return message;
  };
  const directory = new DataDirectory(path, logger);
  const options = { concurrency: CONCURRENCY, backoff: { first: 1, longest: 2 } };
  const batches = new Batches(directory, quota, asked, options, logger);
  directory.addTenant(batches);
  await directory.open();
  onTestFinished(() => directory.close());
  return {
    batches,
    calls,
    directory,
    create: (texts: string[]) => {
      const requests = texts.map((text) => ({ custom_id: text, params: { text } }));
      return batches.create(from([Buffer.from(JSON.stringify({ requests }))]), "2023-06-01", []);
    },
    ended: async (id: string) => {
      await until(async () => (await batches.get(id)).processing_status === "ended");
      const results = Buffer.concat(await collect(await batches.results(id))).toString();
      return { ...(await batches.get(id)), results: Object.fromEntries(outcomesIn(results)) };
    },
  };
}

const many = (count: number) => Array.from({ length: count }, (_, n) => `r${n}`);

describe("the requests of all batches together", () => {
  it("are never more under way than they may", async () => {
    let running = 0;
    const seen: number[] = [];
    const { create, ended } = await open(scratchDirectory(), async () => {
      seen.push(++running);
      await turn();
      running -= 1;
    });
    const created = [await create(many(20)), await create(many(20))];
    for (const { id } of created) expect((await ended(id)).counts).toMatchObject({ succeeded: 20 });
    expect(Math.max(...seen)).toBe(CONCURRENCY);
    expect(seen).toHaveLength(40);
  });

  it("wait together, and none is given up, while upstream takes nothing", async () => {
    let refusals = 40;
    const { create, ended, calls } = await open(scratchDirectory(), (text) => {
      if (refusals-- > 0) throw failure(529);
      return text;
    });
    const { id } = await create(many(4));
    expect((await ended(id)).counts).toMatchObject({ succeeded: 4, errored: 0 });
    expect(calls).toHaveLength(44);
  });
});

describe("a request", () => {
  const FINAL = invalidRequest("foo: no");

  it.each([
    ["that always fails by itself is tried five times", failure(500), 5],
    ["that is wrong is tried once", FINAL, 1],
    ["at which the server itself fails is tried five times, and told nothing of the reason", new Error("secret"), 5],
  ])("%s", async (_name, error, attempts) => {
    const { create, ended, calls } = await open(scratchDirectory(), () => {
      throw error;
    });
    const { results, counts } = await ended((await create(["a"])).id);
    expect(calls).toHaveLength(attempts);
    expect(counts).toMatchObject({ errored: 1 });
    const told = error instanceof ApiError ? error.message : expect.stringMatching(/^Internal server error/);
    expect(results.a).toEqual({
      type: "errored",
      error: {
        type: "error",
        error: { type: expect.any(String), message: told },
        request_id: expect.stringMatching(/^req_/),
      },
    });
  });

  it("that was turned away with all others fails for the first time when it then fails by itself", async () => {
    const failures = [429, 529, 429, 529, 500, 500, 500, 500];
    const { create, ended, calls } = await open(scratchDirectory(), () => {
      const status = failures.shift();
      if (status) throw failure(status);
    });
    expect((await ended((await create(["a"])).id)).counts).toMatchObject({ succeeded: 1 });
    expect(calls).toHaveLength(9);
  });

  it("is not given up because all others get through before it", async () => {
    let others = 0;
    const { create, ended, calls } = await open(scratchDirectory(), async (text) => {
      const before = others;
      if (text !== "r0") others += 1;
      // long enough for every other one that may go
      else for (let turns = 0; turns < 100 && others === before; turns++) await turn();
      if (text === "r0" && others > before) throw failure(429);
    });
    const { counts } = await ended((await create(many(100))).id);
    expect(counts).toMatchObject({ succeeded: 100, errored: 0 });
    expect(calls.filter((text) => text === "r0").length).toBeGreaterThan(1);
  });

  it("that alone finds upstream closed is given up in the end", async () => {
    const { create, ended, calls } = await open(scratchDirectory(), (text) => {
      if (text === "r0") throw failure(429);
      return text;
    });
    const { results, counts } = await ended((await create(many(1000))).id);
    expect(counts).toMatchObject({ succeeded: 999, errored: 1 });
    expect(results.r0).toMatchObject({ error: { error: { message: "Words for 429" } } });
    expect(calls.filter((text) => text === "r0").length).toBeGreaterThanOrEqual(50);
  });

  it("is not sent again because its result could not be stored at once", async () => {
    const path = scratchDirectory();
    const go = gate();
    const { create, ended, calls, directory } = await open(path, () => go.opened);
    const { id } = await create(["a"]);
    await until(() => calls.length === 1);
    const results = directory.at("batches", id, "results.jsonl");
    await using file = await openFile(results);
    const methods = Object.getPrototypeOf(file) as { datasync(): Promise<void> };
    const { datasync } = methods;
    let failures = 3;
    methods.datasync = function () {
      return failures-- > 0 ? Promise.reject(new Error("no space")) : datasync.call(this);
    };
    onTestFinished(() => {
      methods.datasync = datasync;
    });
    go.open();
    expect((await ended(id)).counts).toMatchObject({ succeeded: 1 });
    expect(failures).toBe(-1);
    expect(calls).toEqual(["a"]);
  });
});

describe("a batch", () => {
  it("ends though an answer is nested too deep to be stored, which is that request's error", async () => {
    const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
    const { create, ended, calls } = await open(scratchDirectory(), (text) => (text === "r1" ? deep : text));
    const { counts, results } = await ended((await create(many(3))).id);
    expect(counts).toMatchObject({ succeeded: 2, errored: 1 });
    const message = expect.stringMatching(/^The answer cannot be written as JSON, and is lost: .*call stack/);
    const error = { type: "error", error: { type: "api_error", message }, request_id: expect.stringMatching(/^req_/) };
    expect(results.r1).toEqual({ type: "errored", error });
    expect(calls).toHaveLength(3);
  });

  it("that is canceled does not wait for the end of a pause", async () => {
    const error = new ApiError(429, "rate_limit_error", "Slow down", { headers: { "retry-after": "86400" } });
    const { create, ended, batches, calls } = await open(scratchDirectory(), () => {
      throw error;
    });
    const { id } = await create(many(1200));
    await until(() => batches.progress[0]?.paused !== null);
    await batches.cancel(id);
    expect((await ended(id)).counts).toEqual({ succeeded: 0, errored: 0, canceled: 1200, expired: 0 });
    expect(calls.length).toBeLessThanOrEqual(CONCURRENCY);
  });

  it("sends nothing after its time, though the computer has slept through it", async () => {
    const go = gate();
    const { create, ended, calls } = await open(scratchDirectory(), async (_text, signal) => {
      await go.opened;
      signal.throwIfAborted();
    });
    const { id, expires_at } = await create(many(1200));
    await until(() => calls.length === CONCURRENCY);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(expires_at) });
    onTestFinished(() => void vi.useRealTimers());
    go.open();
    const { counts } = await ended(id);
    expect(counts).toEqual({ succeeded: CONCURRENCY, errored: 0, canceled: 0, expired: 1200 - CONCURRENCY });
    expect(calls).toHaveLength(CONCURRENCY);
  });

  it("that is created in the same moment as others has its own place in the list", async () => {
    const { create, batches } = await open(scratchDirectory(), () => "x");
    const created = await Promise.all(many(10).map((text) => create([text])));
    const listed = await batches.list();
    expect(new Set(listed.map(({ created_at }) => created_at)).size).toBe(10);
    expect(listed.map(({ id }) => id).sort()).toEqual(created.map(({ id }) => id).sort());
    expect(listed.map(({ created_at }) => created_at)).toEqual(
      listed
        .map(({ created_at }) => created_at)
        .sort()
        .reverse(),
    );
  });

  it("leaves nothing behind, and its share of the quota, when it is refused or has ended", async () => {
    const path = scratchDirectory();
    const quota = new Quota(2000 / 1024 ** 3);
    const { create, ended } = await open(path, () => "x", quota);
    const filesOf = async (id: string) => (await readdir(join(path, "batches", id))).sort();
    for (let n = 0; n < 3; n++) {
      await expect(create(["a".repeat(65)])).rejects.toMatchObject({ status: 400 });
      const { id } = await create(many(30));
      await ended(id);
      // its requests go, and give their share back, once its end is on the disk
      await expect.poll(() => filesOf(id)).toEqual(["batch.json", "results.jsonl"]);
    }
    await expect(create(many(100))).rejects.toMatchObject({ details: { error_code: "storage_quota_exceeded" } });
    expect(await readdir(join(path, "drafts"))).toEqual([]);
    expect(await readdir(join(path, "batches"))).toHaveLength(3);
  });
});

describe("a batch whose record somebody damaged", () => {
  it.each([
    ["is an empty object", () => "{}"],
    ["is null", () => "null"],
    ["is empty", () => ""],
    ["is that of another batch", (record: string) => record.replaceAll("msgbatch_", "msgbatch_0")],
    ["knows no counts", (record: string) => record.replace('"errored": 0', '"errored": "none"')],
    ["has no end", (record: string) => record.replace(/"expires_at": "[^"]*"/, '"expires_at": "never"')],
  ])("so that it %s is told of once, and keeps neither the server nor the others", async (_name, damage) => {
    const path = scratchDirectory();
    const first = await open(path, () => "x");
    const [kept, damaged] = [await first.create(["a"]), await first.create(["b"])];
    for (const { id } of [kept, damaged]) await first.ended(id);
    await first.directory.close();
    const record = join(path, "batches", damaged.id, "batch.json");
    await writeFile(record, damage(await readFile(record, "utf8")));
    const error = vi.fn();
    const { batches } = await open(path, () => "x", new Quota(0), { ...silentLogger, error });
    for (let n = 0; n < 2; n++) expect((await batches.list()).map(({ id }) => id)).toEqual([kept.id]);
    await expect(batches.get(damaged.id)).rejects.toMatchObject({ status: 404 });
    expect(error.mock.calls).toEqual([[expect.stringMatching(`^batches: ${damaged.id} cannot be read: `)]]);
  });
});

describe("a batch of which somebody damaged", () => {
  const line = (custom_id: string) => `${JSON.stringify({ custom_id, params: { text: custom_id } })}\n`;
  const result = (custom_id: string) => `${JSON.stringify({ custom_id, result: { type: "errored", error: {} } })}\n`;

  it.each([
    ["a request", "requests.jsonl", `${line("r0")}garbage\n${line("r2")}`, ["r0", "r2"]],
    ["a request into null", "requests.jsonl", `null\n${line("r1")}`, ["r1"]],
    ["every request", "requests.jsonl", undefined, []],
    ["a result", "results.jsonl", `${result("r0")}null\n${result("r2")}`, ["r0", "r1", "r2"]],
    ["a result's end", "results.jsonl", `${result("r0")}{"custom_id":"r1"}\n`, ["r0", "r1", "r2"]],
  ])("%s ends with what can be read, and can be canceled and deleted", async (_name, name, content, left) => {
    for (const canceled of [false, true]) {
      const path = scratchDirectory();
      const { id } = await halted(path, canceled);
      const damaged = join(path, "batches", id, name);
      await (content === undefined ? rm(damaged) : writeFile(damaged, content));
      const error = vi.fn();
      const { batches, ended } = await open(path, (text) => text, new Quota(0), { ...silentLogger, error });
      const { results, counts } = await ended(id);
      expect(Object.keys(results).sort()).toEqual(left);
      expect(counts[canceled ? "succeeded" : "canceled"]).toBe(0);
      expect(error.mock.calls.flat()).toContainEqual(expect.stringMatching(`^batch ${id}: ${name} .*goes on without`));
      await batches.remove(id);
      expect([await readdir(join(path, "batches")), await readdir(join(path, "drafts"))]).toEqual([[], []]);
    }
  });

  /** A batch of three requests that were sent and not answered when its server ended. */
  async function halted(path: string, canceled: boolean) {
    const { create, calls, batches, directory } = await open(path, (_text, signal) => {
      signal.throwIfAborted();
      return new Promise((_, fail) => signal.addEventListener("abort", fail));
    });
    const batch = await create(many(3));
    await until(() => calls.length === 3);
    if (canceled) await batches.cancel(batch.id);
    await directory.close();
    return batch;
  }
});

describe("a server that closes", () => {
  it.each([
    [true, ["r0", "r1", "r2"]],
    [false, []],
  ])("with drain %s leaves to the next one what it has not answered", async (drain, answered) => {
    const path = scratchDirectory();
    const go = gate();
    const first = await open(path, async (text, signal) => {
      const aborted = new Promise((_, fail) => signal.addEventListener("abort", fail));
      signal.throwIfAborted();
      await Promise.race([go.opened, aborted]);
      return text;
    });
    const { id } = await first.create(many(5));
    await until(() => first.calls.length === CONCURRENCY);
    const halted = first.batches.halt({ drain });
    if (drain) go.open();
    await halted;
    await first.directory.close();
    const stored = await readFile(join(path, "batches", id, "results.jsonl"), "utf8");
    expect([...outcomesIn(stored).keys()].sort()).toEqual(answered);
    const second = await open(path, (text) => text);
    expect((await second.ended(id)).counts).toMatchObject({ succeeded: 5 });
    expect(second.calls.sort()).toEqual(many(5).filter((text) => !answered.includes(text)));
  });
});
