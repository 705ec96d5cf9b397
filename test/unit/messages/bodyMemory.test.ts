import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BodyMemory } from "../../../src/messages/bodyMemory.ts";

const MB = 1024 * 1024;
const never = new AbortController().signal;

/** True if the promise has settled. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const settled = () => {
    pending = false;
  };
  promise.then(settled, settled);
  await vi.advanceTimersByTimeAsync(0);
  return pending;
}

describe("the memory for bodies", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is granted in order of arrival, as soon as it suffices", async () => {
    const memory = new BodyMemory({ maxBodyMemory: 128 * MB, maxQueue: 10 });
    const [first, second] = [await memory.acquire(32 * MB, never), await memory.acquire(32 * MB, never)];
    const third = memory.acquire(30 * MB, never);
    const fourth = memory.acquire(5 * MB, never);
    expect([await isPending(third), await isPending(fourth)]).toEqual([true, true]);
    expect(memory.held).toBe(64 * MB);
    first.release();
    first.release();
    await third;
    expect([await isPending(fourth), memory.held]).toEqual([true, 62 * MB]);
    second.shrink(1 * MB);
    await fourth;
    expect(memory.held).toBe(36 * MB);
  });

  it("has separate budgets: large bodies, others, and those of batches do not wait for each other", async () => {
    const memory = new BodyMemory({ maxBodyMemory: 8 * MB, maxQueue: 10 });
    // larger than its budget, so it is alone there
    await memory.acquire(32 * MB, never);
    expect(await isPending(memory.acquire(5 * MB, never))).toBe(true);
    await memory.acquire(2 * MB, never);
    await memory.acquire(2 * MB, never, true);
    expect(await isPending(memory.acquire(1, never))).toBe(true);
  });

  it("answers 529 if too many wait, or for too long, and grants the next if one leaves", async () => {
    const memory = new BodyMemory({ maxBodyMemory: 128 * MB, maxQueue: 2 }, 1000);
    const full = await memory.acquire(64 * MB, never);
    const gone = new AbortController();
    const leaving = memory.acquire(60 * MB, gone.signal);
    const waiting = memory.acquire(5 * MB, never);
    const overloaded = { status: 529, type: "overloaded_error", headers: { "retry-after": expect.any(String) } };
    await expect(memory.acquire(5 * MB, never)).rejects.toMatchObject(overloaded);
    const late = expect(waiting).rejects.toMatchObject(overloaded);
    gone.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(await isPending(waiting)).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    await late;
    full.release();
    expect(memory.held).toBe(0);
    await memory.acquire(64 * MB, never);
  });

  it("lets batches wait without a limit", async () => {
    const memory = new BodyMemory({ maxBodyMemory: 4 * MB, maxQueue: 0 }, 1000);
    const held = await memory.acquire(2 * MB, never, true);
    const next = memory.acquire(2 * MB, never, true);
    await vi.advanceTimersByTimeAsync(1e6);
    held.release();
    await next;
  });
});
