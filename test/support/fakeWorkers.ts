import { expect, onTestFinished, vi } from "vitest";
import { IdleWorkers } from "../../src/claude/pool/idleWorkers.ts";
import { Pool, type PoolOptions } from "../../src/claude/pool/pool.ts";
import type { WorkerFactory } from "../../src/claude/pool/workerStarter.ts";
import type { TransportName } from "../../src/claude/transport/transport.ts";
import type { Worker } from "../../src/claude/worker.ts";
import { silentLogger } from "./silentLogger.ts";

export const SIGNED_IN = { models: [], account: { apiKeySource: "ANTHROPIC_API_KEY" } };

/** The parts of a worker that a test sets. */
interface FakeWorker {
  alive: boolean;
  initialize(): Promise<unknown>;
  settle(): Promise<boolean>;
  begin(): unknown;
}

export interface FakeFactory {
  transport?: TransportName;
  /** Called before each start, with the number of workers that run. Throws if none is possible. */
  beforeLaunch?(running: number): void;
  /** What the worker with this number does, from 1. */
  worker?(number: number): Partial<FakeWorker>;
  choice?: object;
}

/** Starts workers without processes. Each is known by its number, from 1. */
function fakeFactory({ transport = "overlay", beforeLaunch, worker, choice }: FakeFactory = {}) {
  const started: Worker[] = [];
  const stopped: number[] = [];
  let running = 0;
  const launch = vi.fn(async (_request: object) => {
    beforeLaunch?.(running);
    const number = started.length + 1;
    let exit = (_how: string) => {};
    const exited = new Promise<string>((resolve) => {
      exit = resolve;
    });
    const one = {
      ...{ alive: true, served: 0, pid: undefined, isBusy: false, transport: { name: transport }, exited },
      ...{ initialize: async () => SIGNED_IN, settle: async () => true },
      async stop(this: { alive: boolean }) {
        if (!this.alive) return;
        this.alive = false;
        stopped.push(number);
        await null;
        running -= 1;
        exit("exit code 0");
      },
      ...worker?.(number),
    } as unknown as Worker;
    running += 1;
    started.push(one);
    return one;
  });
  const factory = {
    ...{ launch, learnFrom: () => false, isOutdated: async () => false, chooseTransport: async () => transport },
    choice: {
      ...{ name: transport, requireTransport() {}, requireCounts() {}, reset() {} },
      hasManagementChanged: async () => false,
      ...choice,
    },
  } as unknown as WorkerFactory;
  return { factory, launch, started, stopped };
}

const OPTIONS = {
  ...{
    maxConcurrent: 3,
    maxQueue: 10,
    warm: 0,
    idleTimeout: 60_000,
    maxIdleWorkers: 10,
    maxIdleMemory: 0,
    maxRequestsPerWorker: 10,
  },
  ...{ maxWorkerMemory: Number.POSITIVE_INFINITY, maxBusyWorkerMemory: Number.POSITIVE_INFINITY },
};
export const keyed = (system: string) => ({ transport: "overlay" as const, system, betas: [] });
/** Of requests without a system prompt. */
export const KEY = keyed("");

/** A pool on workers without processes, and what became of them. */
export function fakePool(options: Partial<PoolOptions> = {}, fakes: FakeFactory = {}) {
  const { factory, ...workers } = fakeFactory(fakes);
  const pool = new Pool(factory, { ...OPTIONS, ...options }, silentLogger);
  onTestFinished(() => pool.close());
  const added = vi.spyOn(IdleWorkers.prototype, "add");
  onTestFinished(() => added.mockRestore());
  const numberOf = ({ worker }: { worker: Worker }) => workers.started.indexOf(worker) + 1;
  return {
    ...{ pool, ...workers },
    /** The number of the lent worker, and its release. */
    async lease(key = KEY, fresh = false) {
      const lease = await pool.lease(key, new AbortController().signal, fresh);
      return { number: numberOf(lease), release: (discard?: boolean) => lease.release(discard) };
    },
    /** Resolves when this many workers have become idle or have stopped. */
    returned: (count: number) => vi.waitFor(() => expect(added.mock.calls.length + workers.stopped.length).toBe(count)),
  };
}
