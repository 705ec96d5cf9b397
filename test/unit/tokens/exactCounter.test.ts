import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cliEnded, notSignedIn } from "../../../src/api/cliErrors.ts";
import { TransportUnavailable } from "../../../src/claude/transport/transport.ts";
import type { Worker } from "../../../src/claude/worker.ts";
import { ExactCounter } from "../../../src/tokens/exactCounter.ts";
import { type CountRequest, CountUnavailable } from "../../../src/tokens/exactCountSession.ts";
import { isSettled } from "../../support/streams.ts";

const request: CountRequest = { model: "sonnet", instruction: "an instruction" };
const never = new AbortController().signal;

/** A counter whose workers count with `answer`, and what happened to them. */
function counterOf(
  answer: (worker: Worker, signal: AbortSignal) => Promise<number>,
  { maxQueue = 10, start = async () => {} } = {},
) {
  const started: Worker[] = [];
  const idle: Worker[] = [];
  const learnt: Worker[] = [];
  const dismissed: Worker[] = [];
  const parts = {
    requireExact: async () => {},
    isSignedIn: () => true,
    prepare: async () => {
      await start();
      const worker = {
        ...{ alive: true, served: 0, pid: undefined, end: vi.fn() },
        begin: () => ({
          begin: async () => {},
          count: (_: unknown, signal: AbortSignal) => answer(worker, signal),
        }),
      } as unknown as Worker;
      started.push(worker);
      return worker;
    },
    take: () => idle.pop(),
    giveBack: async (worker: Worker) => {
      if (worker.alive) idle.push(worker);
    },
    learnFrom: (worker: Worker) => void learnt.push(worker),
    dismiss: (worker: Worker) => void dismissed.push(worker),
  };
  return { counter: new ExactCounter(parts, maxQueue), started, learnt, dismissed, idle };
}

const die = (worker: Worker) => {
  Object.assign(worker, { alive: false });
  throw cliEnded("SIGKILL");
};

describe("the counting worker", () => {
  it("is started by the first count and kept", async () => {
    const { counter, started } = counterOf(async () => 7);
    expect(started).toEqual([]);
    expect(await counter.count(request, never)).toBe(7);
    await counter.count(request, never);
    expect(started).toHaveLength(1);
  });

  it("is started again if none is idle", async () => {
    const { counter, started, idle } = counterOf(async () => 7);
    await counter.count(request, never);
    await vi.waitFor(() => expect(idle).toHaveLength(1));
    idle.length = 0;
    expect(await counter.count(request, never)).toBe(7);
    expect(started).toHaveLength(2);
  });

  it("counts one after the other; the queue is limited", async () => {
    const ends: (() => void)[] = [];
    const { counter } = counterOf(() => new Promise((resolve) => ends.push(() => resolve(7))), { maxQueue: 1 });
    const [first, second] = [counter.count(request, never), counter.count(request, never)];
    await expect(counter.count(request, never)).rejects.toMatchObject({ status: 529 });
    expect(await isSettled(first)).toBe(false);
    expect(ends).toHaveLength(1);
    ends[0]!();
    await first;
    await vi.waitFor(() => expect(ends).toHaveLength(2));
    ends[1]!();
    expect(await second).toBe(7);
  });

  it("gets the next count only after finishing one whose client has gone", async () => {
    const ends: (() => void)[] = [];
    const { counter } = counterOf(() => new Promise((resolve) => ends.push(() => resolve(7))));
    const leaving = new AbortController();
    const first = counter.count(request, leaving.signal);
    expect(await isSettled(first)).toBe(false);
    leaving.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    const second = counter.count(request, never);
    expect(await isSettled(second)).toBe(false);
    expect(ends).toHaveLength(1);
    ends[0]!();
    await vi.waitFor(() => expect(ends).toHaveLength(2));
    ends[1]!();
    expect(await second).toBe(7);
  });
});

describe("a count", () => {
  it("is repeated once if its worker died", async () => {
    const once = counterOf(async (worker) => (worker === once.started[0] ? die(worker) : 7));
    expect(await once.counter.count(request, never)).toBe(7);
    const always = counterOf(async (worker) => die(worker));
    await expect(always.counter.count(request, never)).rejects.toBeInstanceOf(CountUnavailable);
    expect(always.started).toHaveLength(2);
  });

  it("that hangs ends its worker, and is not repeated", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      let fail = (_error: Error) => {};
      const { counter, started } = counterOf(
        (worker) =>
          new Promise((_, reject) => {
            fail = (error) => {
              Object.assign(worker, { alive: false });
              reject(error);
            };
          }),
      );
      const counting = counter.count(request, never);
      expect(await isSettled(counting)).toBe(false);
      vi.advanceTimersByTime(60_000);
      expect(started[0]?.end).toHaveBeenCalledOnce();
      fail(cliEnded("SIGKILL"));
      await expect(counting).rejects.toBeInstanceOf(CountUnavailable);
      expect(started).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("fails with the reason for which no worker starts", async () => {
    const { counter } = counterOf(async () => 7, {
      start: async () => {
        throw notSignedIn();
      },
    });
    await expect(counter.count(request, never)).rejects.toMatchObject({ status: 401 });
  });

  it("about which the mod is not asked is recorded, and its worker stopped", async () => {
    const { counter, started, learnt, dismissed, idle } = counterOf(async () => {
      throw new TransportUnavailable("Claude Code does not ask mods about counts");
    });
    await expect(counter.count(request, never)).rejects.toBeInstanceOf(TransportUnavailable);
    expect(learnt).toEqual(started);
    expect([dismissed, idle]).toEqual([started, []]);
  });
});

describe("a slow count", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  it("delays the next one by two seconds; four delay all others until one ends", async () => {
    const ends: (() => void)[] = [];
    const { counter, started } = counterOf(() => new Promise((resolve) => ends.push(() => resolve(7))));
    const counts = Array.from({ length: 7 }, () => counter.count(request, never));
    for (const running of [1, 2, 3, 4, 4]) {
      await vi.advanceTimersByTimeAsync(1900);
      expect(ends).toHaveLength(running);
      await vi.advanceTimersByTimeAsync(100);
    }
    for (const ended of [0, 1, 2]) {
      ends[ended]!();
      expect(await counts[ended]).toBe(7);
      await vi.advanceTimersByTimeAsync(2000);
      expect(ends).toHaveLength(5 + ended);
    }
    expect(started).toHaveLength(4);
  });

  it("leaves one worker, which suffices for fast ones", async () => {
    const ends: (() => void)[] = [];
    const { counter, started } = counterOf(() =>
      ends.length < 1 ? new Promise((resolve) => ends.push(() => resolve(7))) : Promise.resolve(8),
    );
    const slow = counter.count(request, never);
    const others = Promise.all(Array.from({ length: 9 }, () => counter.count(request, never)));
    await vi.waitFor(() => expect(ends).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(2000);
    expect(await others).toEqual(Array(9).fill(8));
    expect(started).toHaveLength(2);
    ends[0]!();
    expect(await slow).toBe(7);
  });
});
