import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { shuttingDown } from "../../../../src/api/errors.ts";
import type { PoolOptions } from "../../../../src/claude/pool/pool.ts";
import { TransportUnavailable } from "../../../../src/claude/transport/transport.ts";
import { type FakeFactory, fakePool, KEY, keyed, SIGNED_IN } from "../../../support/fakeWorkers.ts";
import { isSettled } from "../../../support/streams.ts";

const never = new AbortController().signal;

describe("a lease", () => {
  it("lends the idle worker with its key, else a new one", async () => {
    const { lease, returned } = fakePool();
    const first = await lease(keyed("a"));
    first.release();
    await returned(1);
    const [other, same] = [await lease(keyed("b")), await lease(keyed("a"))];
    expect([first.number, other.number, same.number]).toEqual([1, 2, 1]);
  });

  it("lends a new worker if a fresh one is required", async () => {
    const { lease, returned } = fakePool();
    (await lease()).release();
    await returned(1);
    expect((await lease(KEY, true)).number).toBe(2);
  });

  it("waits for a worker that is settling instead of starting another", async () => {
    let settle = (_isReusable: boolean) => {};
    const settled = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    const { lease, launch } = fakePool({}, { worker: () => ({ settle: () => settled }) });
    (await lease()).release();
    const next = lease();
    expect(await isSettled(next)).toBe(false);
    settle(true);
    expect((await next).number).toBe(1);
    expect(launch).toHaveBeenCalledOnce();
  });

  it.each<[string, FakeFactory, Partial<PoolOptions>, boolean]>([
    ["has shown that it must not serve again", { worker: () => ({ settle: async () => false }) }, {}, false],
    ["is discarded", {}, {}, true],
    ["is worn out", {}, { maxRequestsPerWorker: 0 }, false],
  ])("stops the returned worker if it %s", async (_what, fakes, options, discard) => {
    const { lease, returned, stopped } = fakePool(options, fakes);
    (await lease()).release(discard);
    await returned(1);
    expect(stopped).toEqual([1]);
    expect((await lease()).number).toBe(2);
  });

  it("does not lend a worker that has ended while idle", async () => {
    const { lease, returned, started } = fakePool();
    (await lease()).release();
    await returned(1);
    Object.assign(started[0] ?? {}, { alive: false });
    expect((await lease()).number).toBe(2);
  });

  it("is refused, and frees its slot, if its transport is no longer available", async () => {
    let reason: string | undefined = "this machine has managed settings";
    const requireTransport = () => {
      if (reason !== undefined) throw new TransportUnavailable(reason);
    };
    const { lease } = fakePool({ maxConcurrent: 1 }, { choice: { requireTransport } });
    await expect(lease()).rejects.toBeInstanceOf(TransportUnavailable);
    reason = undefined;
    expect((await lease()).number).toBe(1);
  });

  it("waits while the maximum is lent; the queue is limited", async () => {
    const { lease, launch } = fakePool({ maxConcurrent: 1, maxQueue: 1 });
    const first = await lease();
    const second = lease();
    await expect(lease()).rejects.toMatchObject({ status: 529 });
    expect(launch).toHaveBeenCalledOnce();
    first.release();
    expect((await second).number).toBe(1);
  });

  it("fails while it waits if the pool is closed, which stops all workers", async () => {
    const { pool, lease, stopped } = fakePool({ maxConcurrent: 1 });
    await lease();
    const waiting = expect(lease()).rejects.toThrow(shuttingDown().message);
    await pool.close();
    await waiting;
    expect(stopped).toEqual([1]);
  });
});

it("keeps the starting worker of an aborted request for the next one", async () => {
  let initialized = () => {};
  const started = new Promise<void>((resolve) => {
    initialized = resolve;
  });
  const initialize = () => started.then(() => SIGNED_IN);
  const { pool, launch } = fakePool({ maxConcurrent: 1 }, { worker: () => ({ initialize }) });
  const end = new AbortController();
  const lease = pool.lease(KEY, end.signal);
  await isSettled(lease);
  end.abort(shuttingDown());
  await expect(lease).rejects.toThrow(shuttingDown().message);
  // the process is still starting, so its slot is taken
  const next = pool.lease(KEY, never);
  expect(await isSettled(next)).toBe(false);
  initialized();
  (await next).release();
  expect(launch).toHaveBeenCalledOnce();
});

describe("idle workers", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are stopped beyond their limit, longest idle first", async () => {
    const { lease, returned, stopped } = fakePool({ maxIdleWorkers: 1 });
    const leases = await Promise.all(["a", "b", "c"].map((system) => lease(keyed(system))));
    for (const [index, { release }] of leases.entries()) {
      release();
      await returned(index + 1);
    }
    await vi.advanceTimersByTimeAsync(2000);
    expect(stopped).toEqual([1, 2]);
  });

  it("make room for new ones: as many may be idle as busy", async () => {
    const { lease, returned, stopped } = fakePool({ maxConcurrent: 1 });
    for (const [index, system] of ["a", "b", "c", "d"].entries()) {
      (await lease(keyed(system))).release();
      await returned(index + 1 + stopped.length);
    }
    expect(stopped).toEqual([1, 2]);
  });
});

it("replaces its workers when managed settings change", async () => {
  let hasChanged = false;
  const { pool, lease, launch, returned, stopped } = fakePool(
    {},
    { choice: { hasManagementChanged: async () => hasChanged } },
  );
  const [idle, busy] = await Promise.all([lease(), lease()]);
  idle?.release();
  await returned(1);
  hasChanged = true;
  await pool.lease(KEY, never);
  expect([launch.mock.calls.length, stopped]).toEqual([3, [1]]);
  hasChanged = false;
  busy?.release();
  await vi.waitFor(() => expect(stopped).toEqual([1, 2]));
});

it("keeps no signed-out worker for requests after the user has signed in", async () => {
  let description: object = { models: [], account: { tokenSource: "none" } };
  const { pool, launch, stopped } = fakePool({}, { worker: () => ({ initialize: async () => description }) });
  await pool.describe();
  expect(stopped).toEqual([1]);
  description = SIGNED_IN;
  const lease = await pool.lease(KEY, never);
  lease.release();
  // reused, since it is signed in
  await pool.lease(KEY, never);
  expect([launch.mock.calls.length, stopped]).toEqual([2, [1]]);
});
