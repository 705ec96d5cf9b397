import { describe, expect, it } from "vitest";
import { ApiError } from "../../../../src/api/errors.ts";
import { PrioritySemaphore } from "../../../../src/claude/pool/prioritySemaphore.ts";
import { isSettled } from "../../../support/streams.ts";

const never = new AbortController().signal;

/** Requests that record when they start and what they hold. */
function arrivals(slots: PrioritySemaphore) {
  const started: string[] = [];
  const arrive = async (name: string, signal = never) => {
    const release = await slots.acquire(signal);
    started.push(name);
    return release;
  };
  return { started, arrive };
}

describe("PrioritySemaphore", () => {
  it("runs as many as its capacity", async () => {
    const slots = new PrioritySemaphore(2, 5);
    const { started, arrive } = arrivals(slots);
    await arrive("a");
    await arrive("b");
    expect(await isSettled(arrive("c"))).toBe(false);
    expect(started).toEqual(["a", "b"]);
    expect([slots.running, slots.waiting]).toEqual([2, 1]);
  });

  it("is first come, first served", async () => {
    const slots = new PrioritySemaphore(1, 5);
    const { started, arrive } = arrivals(slots);
    const waiting = [arrive("a"), arrive("b"), arrive("c"), arrive("d")];
    for (const next of waiting) (await next)();
    expect(started).toEqual(["a", "b", "c", "d"]);
    expect([slots.running, slots.waiting]).toEqual([0, 0]);
  });

  it("keeps a new request from overtaking the one that gets the slot", async () => {
    const slots = new PrioritySemaphore(1, 5);
    const { started, arrive } = arrivals(slots);
    const release = await arrive("a");
    const second = arrive("b");
    release();
    const newcomer = arrive("c");
    expect(await isSettled(newcomer)).toBe(false);
    expect(slots.running).toBe(1);
    (await second)();
    await newcomer;
    expect(started).toEqual(["a", "b", "c"]);
  });

  it("rejects with 529 and retry-after when the queue is full", async () => {
    const slots = new PrioritySemaphore(1, 1);
    const { arrive } = arrivals(slots);
    const release = await arrive("a");
    const second = arrive("b");
    const refused = await arrive("c").catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiError);
    expect(refused).toMatchObject({
      status: 529,
      type: "overloaded_error",
      message: "Overloaded: 1 requests are waiting already. Try again in a moment.",
      headers: { "retry-after": expect.stringMatching(/^[1-9]\d*$/) },
    });
    release();
    (await second)();
    expect(await isSettled(arrive("d"))).toBe(true);
  });

  it("rejects everything beyond its capacity without a queue", async () => {
    const slots = new PrioritySemaphore(1, 0);
    await slots.acquire(never);
    await expect(slots.acquire(never)).rejects.toMatchObject({ status: 529 });
  });

  it("removes an aborted request from the queue", async () => {
    const slots = new PrioritySemaphore(1, 2);
    const { started, arrive } = arrivals(slots);
    const release = await arrive("a");
    const controller = new AbortController();
    const second = arrive("b", controller.signal);
    const third = arrive("c");
    const reason = new Error("client gone");
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(slots.waiting).toBe(1);
    release();
    await third;
    expect(started).toEqual(["a", "c"]);
  });

  it("rejects a request aborted in advance", async () => {
    const slots = new PrioritySemaphore(1, 2);
    const reason = new Error("client gone");
    await expect(slots.acquire(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(slots.running).toBe(0);
  });

  it("keeps an acquired slot if the signal aborts later", async () => {
    const slots = new PrioritySemaphore(1, 2);
    const { arrive } = arrivals(slots);
    const controller = new AbortController();
    const release = await arrive("a");
    const second = arrive("b", controller.signal);
    release();
    controller.abort();
    (await second)();
    expect([slots.running, slots.waiting]).toEqual([0, 0]);
  });

  it("releases a slot only once", async () => {
    const slots = new PrioritySemaphore(1, 5);
    const { arrive } = arrivals(slots);
    const release = await arrive("a");
    const second = arrive("b");
    const third = arrive("c");
    release();
    release();
    await second;
    expect(await isSettled(third)).toBe(false);
    expect([slots.running, slots.waiting]).toEqual([1, 1]);
  });

  it("rejects queued and new requests once closed", async () => {
    const slots = new PrioritySemaphore(1, 5);
    const { arrive } = arrivals(slots);
    const release = await arrive("a");
    const waiting = [arrive("b"), arrive("c")];
    slots.close();
    const refusal = { status: "rejected", reason: { status: 529, message: "The server is shutting down." } };
    expect(await Promise.allSettled([...waiting, arrive("d")])).toMatchObject([refusal, refusal, refusal]);
    expect(slots.waiting).toBe(0);
    release();
    expect(slots.running).toBe(0);
  });
});

describe("low-priority work", () => {
  it("gets spare capacity, first come, first served", async () => {
    const slots = new PrioritySemaphore(2, 5);
    const release = await slots.acquire(never);
    const first = await slots.acquireLowPriority(never);
    const second = slots.acquireLowPriority(never);
    const third = slots.acquireLowPriority(never);
    expect(await isSettled(second)).toBe(false);
    first();
    const releaseSecond = await second;
    expect(await isSettled(third)).toBe(false);
    release();
    releaseSecond();
    (await third)();
  });

  it("never delays interactive requests", async () => {
    const slots = new PrioritySemaphore(1, 5);
    await slots.acquireLowPriority(never);
    const release = await slots.acquire(never);
    expect(slots.running).toBe(1);
    const waiting = slots.acquire(never);
    release();
    expect(await isSettled(waiting)).toBe(true);
  });

  it("starts after all queued requests, even if it came first", async () => {
    const slots = new PrioritySemaphore(1, 5);
    const started: string[] = [];
    const release = await slots.acquire(never);
    const behind = slots.acquireLowPriority(never).then((free) => {
      started.push("behind");
      return free;
    });
    const waiting = slots.acquire(never).then((free) => {
      started.push("in line");
      return free;
    });
    release();
    (await waiting)();
    (await behind)();
    expect(started).toEqual(["in line", "behind"]);
  });

  it("has an unbounded queue, which does not count as waiting", async () => {
    const slots = new PrioritySemaphore(1, 0);
    await slots.acquire(never);
    const behind = [slots.acquireLowPriority(never), slots.acquireLowPriority(never)];
    expect(await Promise.all(behind.map(isSettled))).toEqual([false, false]);
    expect(slots.waiting).toBe(0);
  });

  it("can be aborted, and is rejected once closed", async () => {
    const slots = new PrioritySemaphore(1, 0);
    await slots.acquire(never);
    const controller = new AbortController();
    const behind = slots.acquireLowPriority(controller.signal);
    const other = slots.acquireLowPriority(never);
    controller.abort(new Error("canceled"));
    await expect(behind).rejects.toThrow("canceled");
    slots.close();
    await expect(other).rejects.toMatchObject({ status: 529 });
    await expect(slots.acquireLowPriority(never)).rejects.toMatchObject({ status: 529 });
  });
});
