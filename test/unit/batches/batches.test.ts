import { open as openFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ApiError, invalidRequest } from "../../../src/api/errors.ts";
import { Quota } from "../../../src/storage/quota.ts";
import { outcomesIn } from "../../support/batchCalls.ts";
import { CONCURRENCY, many, openBatches } from "../../support/batches.ts";
import { until } from "../../support/harness.ts";
import { deferred } from "../../support/replies.ts";
import { scratchDirectory } from "../../support/scratch.ts";

const failure = (status: number) => new ApiError(status, "api_error", `Words for ${status}`);

describe("the requests of all batches", () => {
  it("never exceed the concurrency", async () => {
    let running = 0;
    const seen: number[] = [];
    const { create, ended } = await openBatches(scratchDirectory(), async () => {
      seen.push(++running);
      await turn();
      running -= 1;
    });
    const created = [await create(many(20)), await create(many(20))];
    for (const { id } of created) expect((await ended(id)).counts).toMatchObject({ succeeded: 20 });
    expect(Math.max(...seen)).toBe(CONCURRENCY);
    expect(seen).toHaveLength(40);
  });

  it("all wait, and none fails, while upstream rejects requests", async () => {
    let refusals = 40;
    const { create, ended, calls } = await openBatches(scratchDirectory(), (text) => {
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
    ["that always fails is tried five times", failure(500), 5],
    ["that is invalid is tried once", FINAL, 1],
    ["that causes an internal error is tried five times, and its result hides the reason", new Error("secret"), 5],
  ])("%s", async (_name, error, attempts) => {
    const { create, ended, calls } = await openBatches(scratchDirectory(), () => {
      throw error;
    });
    const { results, counts } = await ended((await create(["a"])).id);
    expect(calls).toHaveLength(attempts);
    expect(counts).toMatchObject({ errored: 1 });
    const message = error instanceof ApiError ? error.message : expect.stringMatching(/^Internal server error/);
    expect(results.a).toEqual({
      type: "errored",
      error: {
        type: "error",
        error: { type: expect.any(String), message },
        request_id: expect.stringMatching(/^req_/),
      },
    });
  });

  it("counts a first failure only after the pause that stopped all requests", async () => {
    const failures = [429, 529, 429, 529, 500, 500, 500, 500];
    const { create, ended, calls } = await openBatches(scratchDirectory(), () => {
      const status = failures.shift();
      if (status) throw failure(status);
    });
    expect((await ended((await create(["a"])).id)).counts).toMatchObject({ succeeded: 1 });
    expect(calls).toHaveLength(9);
  });

  it("is not given up when all others succeed before it", async () => {
    let others = 0;
    const { create, ended, calls } = await openBatches(scratchDirectory(), async (text) => {
      const before = others;
      if (text !== "r0") others += 1;
      // long enough for every other request that may be sent
      else for (let turns = 0; turns < 100 && others === before; turns++) await turn();
      if (text === "r0" && others > before) throw failure(429);
    });
    const { counts } = await ended((await create(many(100))).id);
    expect(counts).toMatchObject({ succeeded: 100, errored: 0 });
    expect(calls.filter((text) => text === "r0").length).toBeGreaterThan(1);
  });

  it("that upstream alone rejects is given up eventually", async () => {
    const { create, ended, calls } = await openBatches(scratchDirectory(), (text) => {
      if (text === "r0") throw failure(429);
      return text;
    });
    const { results, counts } = await ended((await create(many(1000))).id);
    expect(counts).toMatchObject({ succeeded: 999, errored: 1 });
    expect(results.r0).toMatchObject({ error: { error: { message: "Words for 429" } } });
    expect(calls.filter((text) => text === "r0").length).toBeGreaterThanOrEqual(50);
  });

  it("is not sent again when its result cannot be stored at first", async () => {
    const path = scratchDirectory();
    const go = deferred();
    const { create, ended, calls, directory } = await openBatches(path, () => go.promise);
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
    go.resolve();
    expect((await ended(id)).counts).toMatchObject({ succeeded: 1 });
    expect(failures).toBe(-1);
    expect(calls).toEqual(["a"]);
  });
});

describe("a batch", () => {
  it("ends even if a message is nested too deeply to be stored, with an error for that request", async () => {
    const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
    const { create, ended, calls } = await openBatches(scratchDirectory(), (text) => (text === "r1" ? deep : text));
    const { counts, results } = await ended((await create(many(3))).id);
    expect(counts).toMatchObject({ succeeded: 2, errored: 1 });
    const message = expect.stringMatching(/^The answer cannot be written as JSON, and is lost: .*call stack/);
    const error = { type: "error", error: { type: "api_error", message }, request_id: expect.stringMatching(/^req_/) };
    expect(results.r1).toEqual({ type: "errored", error });
    expect(calls).toHaveLength(3);
  });

  it("does not wait for the end of a pause when it is canceled", async () => {
    const error = new ApiError(429, "rate_limit_error", "Slow down", { headers: { "retry-after": "86400" } });
    const { create, ended, batches, calls } = await openBatches(scratchDirectory(), () => {
      throw error;
    });
    const { id } = await create(many(1200));
    await until(() => batches.progress[0]?.paused !== null);
    await batches.cancel(id);
    expect((await ended(id)).counts).toEqual({ succeeded: 0, errored: 0, canceled: 1200, expired: 0 });
    expect(calls.length).toBeLessThanOrEqual(CONCURRENCY);
  });

  it("sends nothing after its expiry, even if the computer slept through it", async () => {
    const go = deferred();
    const { create, ended, calls } = await openBatches(scratchDirectory(), async (_text, signal) => {
      await go.promise;
      signal.throwIfAborted();
    });
    const { id, expires_at } = await create(many(1200));
    await until(() => calls.length === CONCURRENCY);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(expires_at) });
    onTestFinished(() => void vi.useRealTimers());
    go.resolve();
    const { counts } = await ended(id);
    expect(counts).toEqual({ succeeded: CONCURRENCY, errored: 0, canceled: 0, expired: 1200 - CONCURRENCY });
    expect(calls).toHaveLength(CONCURRENCY);
  });

  it("has its own position in the list when it is created in the same millisecond as others", async () => {
    const { create, batches } = await openBatches(scratchDirectory(), () => "x");
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

  it("leaves no draft and releases its quota when it is rejected or has ended", async () => {
    const path = scratchDirectory();
    const quota = new Quota(2000 / 1024 ** 3);
    const { create, ended } = await openBatches(path, () => "x", quota);
    const filesOf = async (id: string) => (await readdir(join(path, "batches", id))).sort();
    for (let n = 0; n < 3; n++) {
      await expect(create(["a".repeat(65)])).rejects.toMatchObject({ status: 400 });
      const { id } = await create(many(30));
      await ended(id);
      // its requests are deleted, and their quota released, once its end is on disk
      await expect.poll(() => filesOf(id)).toEqual(["batch.json", "results.jsonl"]);
    }
    await expect(create(many(100))).rejects.toMatchObject({ details: { error_code: "storage_quota_exceeded" } });
    expect(await readdir(join(path, "drafts"))).toEqual([]);
    expect(await readdir(join(path, "batches"))).toHaveLength(3);
  });
});

describe("a closing server", () => {
  it.each([
    [true, ["r0", "r1", "r2"]],
    [false, []],
  ])("with drain %s leaves unanswered requests to the next one", async (drain, answered) => {
    const path = scratchDirectory();
    const go = deferred();
    const first = await openBatches(path, async (text, signal) => {
      const aborted = new Promise((_, fail) => signal.addEventListener("abort", fail));
      signal.throwIfAborted();
      await Promise.race([go.promise, aborted]);
      return text;
    });
    const { id } = await first.create(many(5));
    await until(() => first.calls.length === CONCURRENCY);
    const halted = first.batches.halt({ drain });
    if (drain) go.resolve();
    await halted;
    await first.directory.close();
    const stored = await readFile(join(path, "batches", id, "results.jsonl"), "utf8");
    expect([...outcomesIn(stored).keys()].sort()).toEqual(answered);
    const second = await openBatches(path, (text) => text);
    expect((await second.ended(id)).counts).toMatchObject({ succeeded: 5 });
    expect(second.calls.sort()).toEqual(many(5).filter((text) => !answered.includes(text)));
  });
});
