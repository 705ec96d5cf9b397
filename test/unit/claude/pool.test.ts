import { expect, it } from "vitest";
import { shuttingDown } from "../../../src/api/errors.ts";
import type { Launcher } from "../../../src/claude/launcher.ts";
import { Pool } from "../../../src/claude/pool.ts";
import { quiet } from "../../support/smallServer.ts";
import { isSettled } from "../support/streams.ts";

const OPTIONS = {
  ...{ maxConcurrent: 1, maxQueue: 10, warm: 0, idleTimeout: 60_000, maxRequestsPerWorker: 10 },
  ...{ maxWorkerMemory: Number.POSITIVE_INFINITY, maxBusyWorkerMemory: Number.POSITIVE_INFINITY },
};
const KEY = { system: "", betas: [] };
const never = new AbortController().signal;

it("does not keep a request that ends waiting for the start of its worker, which serves the next one", async () => {
  let initialized = () => {};
  const started = new Promise<void>((resolve) => {
    initialized = resolve;
  });
  let launched = 0;
  const worker = {
    ...{ alive: true, served: 0, pid: undefined, isBusy: false, exited: new Promise(() => {}), stop: async () => {} },
    initialize: () => started.then(() => ({ models: [], account: {} })),
    settle: async () => true,
  };
  const launch = async () => {
    launched += 1;
    return worker;
  };
  const pool = new Pool({ launch } as unknown as Launcher, OPTIONS, quiet);
  const end = new AbortController();
  const lease = pool.lease(KEY, end.signal);
  await isSettled(lease);
  end.abort(shuttingDown());
  await expect(lease).rejects.toThrow(shuttingDown().message);
  // the process is still starting, so its place is not free
  const next = pool.lease(KEY, never);
  expect(await isSettled(next)).toBe(false);
  initialized();
  (await next).release();
  expect(launched).toBe(1);
  await pool.close();
});
