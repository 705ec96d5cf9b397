import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { cliNotStarted } from "../../../../src/api/cliErrors.ts";
import { shuttingDown } from "../../../../src/api/errors.ts";
import { IdleWorkers } from "../../../../src/claude/pool/idleWorkers.ts";
import { Pool } from "../../../../src/claude/pool/pool.ts";
import type { WorkerFactory } from "../../../../src/claude/pool/workerStarter.ts";
import type { TransportName } from "../../../../src/claude/transport/transport.ts";
import { until } from "../../../support/harness.ts";
import { quiet } from "../../../support/smallServer.ts";
import { isSettled } from "../../../support/streams.ts";

const OPTIONS = {
  ...{
    maxConcurrent: 1,
    maxQueue: 10,
    warm: 0,
    idleTimeout: 60_000,
    maxIdleWorkers: 10,
    maxIdleMemory: 0,
    maxRequestsPerWorker: 10,
  },
  ...{ maxWorkerMemory: Number.POSITIVE_INFINITY, maxBusyWorkerMemory: Number.POSITIVE_INFINITY },
};
const KEY = { transport: "overlay" as const, system: "", betas: [] };
const never = new AbortController().signal;

it("keeps the starting worker of an aborted request for the next one", async () => {
  let initialized = () => {};
  const started = new Promise<void>((resolve) => {
    initialized = resolve;
  });
  let launched = 0;
  const worker = {
    ...{ alive: true, served: 0, pid: undefined, isBusy: false, exited: new Promise(() => {}), stop: async () => {} },
    initialize: () => started.then(() => ({ models: [], account: { apiKeySource: "ANTHROPIC_API_KEY" } })),
    settle: async () => true,
  };
  const launch = async () => {
    launched += 1;
    return worker;
  };
  const pool = new Pool(
    {
      launch,
      learnFrom: () => false,
      choice: { name: "overlay", requireTransport() {}, hasManagementChanged: async () => false },
    } as unknown as WorkerFactory,
    OPTIONS,
    quiet,
  );
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
  expect(launched).toBe(1);
  await pool.close();
});

/** A launcher with room for this many workers, and the workers it started. */
function scarceLauncher(room: number) {
  const running = new Set<unknown>();
  const ended: number[] = [];
  let launched = 0;
  const launch = async () => {
    if (running.size >= room) throw cliNotStarted(Object.assign(new Error("spawn EMFILE"), { code: "EMFILE" }));
    const number = ++launched;
    let exit = (_how: string) => {};
    const worker = {
      ...{ alive: true, served: 0, pid: undefined, isBusy: false, settle: async () => true },
      exited: new Promise<string>((resolve) => {
        exit = resolve;
      }),
      initialize: async () => ({ models: [], account: { apiKeySource: "ANTHROPIC_API_KEY" } }),
      async stop() {
        await null;
        running.delete(worker);
        ended.push(number);
        exit("exit code 0");
      },
    };
    running.add(worker);
    return worker;
  };
  return {
    launcher: {
      launch,
      learnFrom: () => false,
      choice: { name: "overlay", requireTransport() {}, hasManagementChanged: async () => false },
    } as unknown as WorkerFactory,
    running,
    ended,
  };
}

describe("a start without enough resources", () => {
  const keyed = (system: string) => ({ transport: "overlay" as const, system, betas: [] });
  const options = { ...OPTIONS, maxConcurrent: 10 };

  it("stops the longest idle workers and waits for their end", async () => {
    const { launcher, ended } = scarceLauncher(5);
    const pool = new Pool(launcher, options, quiet);
    const leases = await Promise.all(["a", "b", "c", "d", "e"].map((system) => pool.lease(keyed(system), never)));
    const added = vi.spyOn(IdleWorkers.prototype, "add");
    for (const [index, lease] of leases.slice(1).entries()) {
      lease.release();
      await until(() => added.mock.calls.length === index + 1);
    }
    const lease = await pool.lease(keyed("new"), never);
    expect(ended).toEqual([2, 3, 4]);
    lease.release();
    await pool.close();
  });

  it("fails with 529 if none is idle", async () => {
    const { launcher, ended } = scarceLauncher(1);
    const pool = new Pool(launcher, options, quiet);
    await pool.lease(keyed("busy"), never);
    await expect(pool.lease(keyed("new"), never)).rejects.toMatchObject({ status: 529, type: "overloaded_error" });
    expect(ended).toEqual([]);
    await pool.close();
  });
});

describe("a spare worker", () => {
  /** A pool with one spare worker; counts initializations. */
  function scene(transport: TransportName) {
    const initialized: number[] = [];
    const launch = async () => {
      const number = initialized.push(0) - 1;
      return {
        ...{ alive: true, served: 0, pid: undefined, isBusy: false, transport: { name: transport } },
        ...{ exited: new Promise(() => {}), settle: async () => true, stop: async () => {} },
        async initialize() {
          initialized[number] = (initialized[number] as number) + 1;
          return { models: [], account: { apiKeySource: "ANTHROPIC_API_KEY" } };
        },
      };
    };
    const choice = { name: transport, requireTransport() {}, hasManagementChanged: async () => false };
    const launcher = { launch, learnFrom: () => false, choice, chooseTransport: async () => transport };
    const pool = new Pool(launcher as unknown as WorkerFactory, { ...OPTIONS, maxConcurrent: 2, warm: 1 }, quiet);
    const lease = () => pool.lease({ ...KEY, transport }, never);
    return { pool, initialized, lease };
  }

  it("is initialized in advance, once, if requests carry their system prompts", async () => {
    const { pool, initialized, lease } = scene("rewrite");
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 1]));
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 1, 1]));
    await pool.close();
  });

  it("stays blank if the system prompt belongs to the worker", async () => {
    const { pool, initialized, lease } = scene("overlay");
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 0]));
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 1, 0]));
    await pool.close();
  });
});

describe("a worker that counts", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A pool that has counted once, and its workers that have ended. */
  async function counted(options: Partial<typeof OPTIONS>) {
    const ended: number[] = [];
    let launched = 0;
    const launch = async () => {
      const number = ++launched;
      return {
        ...{ alive: true, served: 0, pid: undefined, isBusy: false, transport: { name: "rewrite" } },
        ...{ exited: new Promise(() => {}), stop: async () => void ended.push(number) },
        initialize: async () => ({ models: [], account: { apiKeySource: "ANTHROPIC_API_KEY" } }),
        countExactly: () => ({ begin: async () => {}, count: async () => 7 }),
      };
    };
    const choice = { name: "rewrite", requireCounts() {}, reset() {}, hasManagementChanged: async () => false };
    const factory = { launch, learnFrom: () => false, choice, isOutdated: async () => false };
    const pool = new Pool(factory as unknown as WorkerFactory, { ...OPTIONS, ...options }, quiet);
    onTestFinished(() => pool.close());
    const added = vi.spyOn(IdleWorkers.prototype, "add");
    onTestFinished(() => added.mockRestore());
    let counts = 0;
    /** Counts, and waits until the worker is idle again or ends. */
    const count = async () => {
      counts += 1;
      expect(await pool.counters.count({ model: "sonnet", instruction: "an instruction" }, never)).toBe(7);
      await vi.waitFor(() => expect(added.mock.calls.length + ended.length).toBe(counts));
    };
    await count();
    return { pool, count, ended };
  }

  it("ends after the idle timeout; the next count starts another", async () => {
    const { pool, count, ended } = await counted({ idleTimeout: 10_000 });
    await vi.advanceTimersByTimeAsync(9000);
    await count();
    await vi.advanceTimersByTimeAsync(9000);
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(ended).toEqual([1]);
    expect(await pool.counters.count({ model: "sonnet", instruction: "an instruction" }, never)).toBe(7);
  });

  it("counts towards the limits for idle workers", async () => {
    const { ended } = await counted({ maxIdleWorkers: 0 });
    await vi.advanceTimersByTimeAsync(2000);
    expect(ended).toEqual([1]);
  });

  it("ends when worn out, and when the sign-in may have changed", async () => {
    const { pool, count, ended } = await counted({ maxRequestsPerWorker: 2 });
    await count();
    expect(ended).toEqual([1]);
    await count();
    pool.renew();
    expect(ended).toEqual([1, 2]);
  });
});

it("replaces its workers when managed settings change", async () => {
  let hasChanged = false;
  const stopped: number[] = [];
  let launched = 0;
  const launch = async () => {
    const number = ++launched;
    return {
      ...{ alive: true, served: 0, pid: undefined, isBusy: false, transport: { name: "overlay" } },
      ...{ exited: new Promise(() => {}), settle: async () => true, stop: async () => void stopped.push(number) },
      initialize: async () => ({ models: [], account: { apiKeySource: "ANTHROPIC_API_KEY" } }),
    };
  };
  const choice = { name: "overlay", requireTransport() {}, hasManagementChanged: async () => hasChanged };
  const factory = { launch, learnFrom: () => false, choice, isOutdated: async () => false } as unknown as WorkerFactory;
  const pool = new Pool(factory, { ...OPTIONS, maxConcurrent: 3 }, quiet);
  const added = vi.spyOn(IdleWorkers.prototype, "add");
  const [idle, busy] = await Promise.all([pool.lease(KEY, never), pool.lease(KEY, never)]);
  idle?.release();
  await until(() => added.mock.calls.length === 1);
  hasChanged = true;
  await pool.lease(KEY, never);
  expect([launched, stopped]).toEqual([3, [1]]);
  hasChanged = false;
  busy?.release();
  await until(() => stopped.length === 2);
  expect(stopped).toEqual([1, 2]);
  await pool.close();
});

it("keeps no signed-out worker for requests after the user has signed in", async () => {
  let account: object = { tokenSource: "none" };
  const stopped: number[] = [];
  let launched = 0;
  const launch = async () => {
    const number = ++launched;
    return {
      ...{ alive: true, served: 0, pid: undefined, isBusy: false, transport: { name: "overlay" } },
      ...{ exited: new Promise(() => {}), settle: async () => true, stop: async () => void stopped.push(number) },
      initialize: async () => ({ models: [], account }),
    };
  };
  const choice = { name: "overlay", requireTransport() {}, hasManagementChanged: async () => false };
  const factory = { launch, learnFrom: () => false, choice, isOutdated: async () => false } as unknown as WorkerFactory;
  const pool = new Pool(factory, { ...OPTIONS, maxConcurrent: 3 }, quiet);
  await pool.describe();
  expect(stopped).toEqual([1]);
  account = { apiKeySource: "ANTHROPIC_API_KEY" };
  const lease = await pool.lease(KEY, never);
  lease.release();
  // reused, since it is signed in
  await pool.lease(KEY, never);
  expect([launched, stopped]).toEqual([2, [1]]);
  await pool.close();
});
