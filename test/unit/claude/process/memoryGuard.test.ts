import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ApiError } from "../../../../src/api/errors.ts";
import { residentBytes } from "../../../../src/claude/process/memory.ts";
import { guardMemory } from "../../../../src/claude/process/memoryGuard.ts";

const LIMIT = 2048 * 1024 * 1024;

function worker(pid: number, isBusy = true) {
  const ended: ApiError[] = [];
  return { pid, isBusy, ended, end: (reason: ApiError) => void ended.push(reason) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("guardMemory", () => {
  it("kills only a busy worker beyond the limit", async () => {
    const workers = [worker(1), worker(2), worker(3, false), worker(4)];
    const sizes = new Map([
      [1, LIMIT],
      [2, LIMIT + 1],
      [3, LIMIT + 1],
    ]);
    const stop = guardMemory(workers, LIMIT, async () => sizes);
    await vi.advanceTimersByTimeAsync(1000);
    stop();
    expect(workers.map(({ ended }) => ended.length)).toEqual([0, 1, 0, 0]);
    expect(workers[1]!.ended[0]).toMatchObject({ status: 500, message: expect.stringContaining("2048 MB") });
  });

  it("survives unreadable sizes, and checks again", async () => {
    const read = vi.fn(() => Promise.reject(new Error("EMFILE")));
    const stop = guardMemory([worker(1)], LIMIT, read);
    await vi.advanceTimersByTimeAsync(3000);
    stop();
    await vi.advanceTimersByTimeAsync(3000);
    expect(read).toHaveBeenCalledTimes(3);
  });

  it("runs one check at a time", async () => {
    const read = vi.fn(() => new Promise<Map<number, number>>(() => {}));
    const stop = guardMemory([worker(1)], LIMIT, read);
    await vi.advanceTimersByTimeAsync(10_000);
    stop();
    expect(read).toHaveBeenCalledTimes(1);
  });
});

describe.skipIf(process.platform === "win32")("residentBytes", () => {
  it("has the size of each running process", async () => {
    vi.useRealTimers();
    const sizes = await residentBytes([process.pid, 2 ** 22 + 1]);
    expect([...sizes.keys()]).toEqual([process.pid]);
    expect(sizes.get(process.pid)! / process.memoryUsage.rss()).toBeCloseTo(1, 0);
  });
});
