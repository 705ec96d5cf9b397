import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PoolOptions } from "../../../src/claude/pool/pool.ts";
import { ExactCounter } from "../../../src/tokens/exactCounter.ts";
import { fakePool, KEY } from "../../support/fakeWorkers.ts";

const never = new AbortController().signal;

describe("a worker that counts", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A pool that has counted once, and its workers that have ended. */
  async function counted(options: Partial<PoolOptions>) {
    const { pool, started, returned, stopped } = fakePool(options, {
      transport: "rewrite",
      worker: (number) => ({
        begin: () => ({
          begin: async () => {},
          async count() {
            (started[number - 1] as { served: number }).served += 1;
            return 7;
          },
        }),
      }),
    });
    const counter = new ExactCounter(pool.counting, 10);
    const ask = () => counter.count({ model: "sonnet", instruction: "an instruction" }, never);
    let counts = 0;
    /** Counts, and waits until the worker is idle again or ends. */
    const count = async () => {
      counts += 1;
      expect(await ask()).toBe(7);
      await returned(counts);
    };
    await count();
    return { pool, ask, count, stopped };
  }

  it("ends after the idle timeout; the next count starts another", async () => {
    const { ask, count, stopped } = await counted({ idleTimeout: 10_000 });
    await vi.advanceTimersByTimeAsync(9000);
    await count();
    await vi.advanceTimersByTimeAsync(9000);
    expect(stopped).toEqual([]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(stopped).toEqual([1]);
    expect(await ask()).toBe(7);
  });

  it("counts towards the limits for idle workers", async () => {
    const { stopped } = await counted({ maxIdleWorkers: 0 });
    await vi.advanceTimersByTimeAsync(2000);
    expect(stopped).toEqual([1]);
  });

  it("ends when worn out, and when the sign-in may have changed", async () => {
    const { pool, count, stopped } = await counted({ maxRequestsPerWorker: 2 });
    await count();
    expect(stopped).toEqual([1]);
    await count();
    pool.renew();
    expect(stopped).toEqual([1, 2]);
  });

  it("serves no requests", async () => {
    const { pool } = await counted({});
    const { worker } = await pool.lease({ ...KEY, transport: "rewrite" }, never);
    expect(worker.served).toBe(0);
  });
});
