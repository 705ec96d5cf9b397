import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { IdleEvictor, type IdleLimits } from "../../../../src/claude/pool/idleEvictor.ts";
import { IdleWorkers } from "../../../../src/claude/pool/idleWorkers.ts";
import { proportionalBytes, residentBytes } from "../../../../src/claude/process/memory.ts";
import type { Worker } from "../../../../src/claude/worker.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const GRACE = 1000;

/** Idle workers 1, 2, 3 … with these sizes; undefined for an unknown one. */
function bounded(given: Partial<IdleLimits>, sizes: (number | undefined)[] = []) {
  const idle = new IdleWorkers();
  const ended: unknown[] = [];
  const known = new Map(sizes.flatMap((size, index) => (size === undefined ? [] : [[index + 1, size] as const])));
  const read = vi.fn(async (pids: readonly number[]) => new Map([...known].filter(([pid]) => pids.includes(pid))));
  const options = { maxIdleWorkers: 100, maxIdleMemory: 0, idleTimeout: 60_000, ...given };
  const bounds = new IdleEvictor(idle, options, ({ pid }) => void ended.push(pid), read);
  onTestFinished(() => bounds.close());
  const add = (pid: number, key: string | undefined = `prompt ${pid}`) => {
    idle.add({ pid, alive: true } as Worker, key);
    bounds.check();
  };
  for (const [index] of sizes.entries()) add(index + 1);
  const left = () => idle.keyed.map(({ pid }) => pid);
  return { idle, ended, read, add, left, bounds };
}

describe("idle workers", () => {
  it("are stopped beyond a count, longest idle first", async () => {
    const { add, ended, left, read } = bounded({ maxIdleWorkers: 2 });
    for (const pid of [1, 2, 3, 4]) add(pid);
    await vi.advanceTimersByTimeAsync(GRACE);
    expect([ended, left()]).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(read).not.toHaveBeenCalled();
  });

  it("may be limited to none", async () => {
    const { add, left } = bounded({ maxIdleWorkers: 0 });
    add(1);
    await vi.advanceTimersByTimeAsync(GRACE);
    expect(left()).toEqual([]);
  });

  it("are kept during waves of requests, and stopped after a moment of rest", async () => {
    const { add, idle, ended } = bounded({ maxIdleWorkers: 1 });
    add(1, "x");
    await vi.advanceTimersByTimeAsync(GRACE - 100);
    idle.take("x");
    add(1, "x");
    add(2, "x");
    await vi.advanceTimersByTimeAsync(GRACE - 100);
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(GRACE);
    expect(ended).toEqual([1]);
  });

  it("are stopped beyond a size, longest idle first", async () => {
    const { ended, left } = bounded({ maxIdleMemory: 700 }, [300, 300, 300, 300]);
    await vi.advanceTimersByTimeAsync(GRACE);
    expect([ended, left()]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it("are not limited by size if it cannot be read", async () => {
    const { ended, read } = bounded({ maxIdleMemory: 700 }, [undefined, undefined, undefined]);
    await vi.advanceTimersByTimeAsync(GRACE);
    read.mockRejectedValue(new Error("EMFILE"));
    await vi.advanceTimersByTimeAsync(10 * GRACE);
    expect(ended).toEqual([]);
  });

  it("can be leased while their sizes are read", async () => {
    const { idle, ended, read } = bounded({ maxIdleMemory: 500 }, [300, 300]);
    read.mockImplementationOnce(async () => {
      idle.take("prompt 1");
      return new Map([
        [1, 300],
        [2, 300],
      ]);
    });
    await vi.advanceTimersByTimeAsync(GRACE);
    expect(ended).toEqual([]);
  });

  it("do not count without a key", async () => {
    const { add, idle, ended } = bounded({ maxIdleWorkers: 1 });
    idle.add({ pid: 9, alive: true } as Worker, undefined);
    idle.add({ pid: 8, alive: true } as Worker, undefined);
    add(1);
    await vi.advanceTimersByTimeAsync(GRACE);
    expect(ended).toEqual([]);
  });

  it("are left alone after close", async () => {
    const { add, bounds, ended } = bounded({ maxIdleWorkers: 0 });
    add(1);
    bounds.close();
    add(2);
    await vi.advanceTimersByTimeAsync(2 * GRACE);
    expect(ended).toEqual([]);
  });
});

it.skipIf(process.platform === "win32")("reads at most the resident bytes of a process", async () => {
  const { pid } = process;
  const size = (await proportionalBytes([pid])).get(pid)!;
  expect(size).toBeGreaterThan(10 * 1024 * 1024);
  expect(size).toBeLessThan(2 * (await residentBytes([pid])).get(pid)!);
  expect(await proportionalBytes([2 ** 30])).toEqual(new Map());
});
