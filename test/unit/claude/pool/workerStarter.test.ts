import { describe, expect, it, vi } from "vitest";
import { cliEnded, cliNotStarted } from "../../../../src/api/cliErrors.ts";
import type { TransportName } from "../../../../src/claude/transport/transport.ts";
import { type FakeFactory, fakePool, KEY, keyed, SIGNED_IN } from "../../../support/fakeWorkers.ts";

const never = new AbortController().signal;

describe("a worker that fails to initialize", () => {
  const failing = (count: number): FakeFactory => ({
    worker: (number) => ({
      initialize: async () => {
        if (number <= count) throw cliEnded("exit code 1");
        return SIGNED_IN;
      },
    }),
  });

  it("is stopped, and fails the request with its reason", async () => {
    const { lease, stopped } = fakePool({}, failing(1));
    await expect(lease()).rejects.toThrow("exit code 1");
    expect(stopped).toEqual([1]);
    expect((await lease()).number).toBe(2);
  });

  it("is replaced by a new one if it was blank, since it may have died while it waited", async () => {
    const { pool, lease, returned, stopped } = fakePool({ warm: 1 }, failing(1));
    pool.warmUp();
    await returned(1);
    const { number } = await lease();
    expect(number).not.toBe(1);
    expect(stopped).toEqual([1]);
  });
});

describe("a start without enough resources", () => {
  /** Room for this many processes. */
  const roomFor = (room: number): FakeFactory => ({
    beforeLaunch(running) {
      if (running >= room) throw cliNotStarted(Object.assign(new Error("spawn EMFILE"), { code: "EMFILE" }));
    },
  });

  it("stops the longest idle workers and waits for their end", async () => {
    const { lease, returned, stopped } = fakePool({ maxConcurrent: 10 }, roomFor(5));
    const leases = await Promise.all(["a", "b", "c", "d", "e"].map((system) => lease(keyed(system))));
    for (const [index, { release }] of leases.slice(1).entries()) {
      release();
      await returned(index + 1);
    }
    await lease(keyed("new"));
    expect(stopped).toEqual([2, 3, 4]);
  });

  it("fails with 529 if none is idle", async () => {
    const { lease, stopped } = fakePool({ maxConcurrent: 10 }, roomFor(1));
    await lease(keyed("busy"));
    await expect(lease(keyed("new"))).rejects.toMatchObject({ status: 529, type: "overloaded_error" });
    expect(stopped).toEqual([]);
  });
});

describe("a spare worker", () => {
  /** A pool with one spare worker; counts initializations. */
  function warm(transport: TransportName) {
    const initialized: number[] = [];
    const worker = (number: number) => {
      initialized.push(0);
      return {
        async initialize() {
          initialized[number - 1] = (initialized[number - 1] as number) + 1;
          return SIGNED_IN;
        },
      };
    };
    const { pool } = fakePool({ maxConcurrent: 2, warm: 1 }, { transport, worker });
    return { initialized, lease: () => pool.lease({ ...KEY, transport }, never) };
  }

  it("is initialized in advance, once, if requests carry their system prompts", async () => {
    const { initialized, lease } = warm("rewrite");
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 1]));
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 1, 1]));
  });

  it("stays blank if the system prompt belongs to the worker", async () => {
    const { initialized, lease } = warm("overlay");
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 0]));
    await lease();
    await vi.waitFor(() => expect(initialized).toEqual([1, 1, 0]));
  });
});
