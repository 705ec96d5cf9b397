import { describe, expect, it } from "vitest";
import { PendingWorkers } from "../../../../src/claude/pool/pendingWorkers.ts";
import { isSettled } from "../../../support/streams.ts";

/** PendingWorkers with some that are announced, and functions that settle them. */
function expecting(...keys: string[]) {
  const arrivals = new PendingWorkers();
  const expected = keys.map((key) => {
    let arrive = () => {};
    let fail = () => {};
    const arrival = new Promise<void>((resolve, reject) => {
      arrive = resolve;
      fail = () => reject(new Error("gone"));
    });
    arrivals.announce(key, arrival).catch(() => {});
    return { arrive, fail };
  });
  return { arrivals, expected };
}

const settled = (waits: Promise<unknown>[]) => Promise.all(waits.map(isSettled));

describe("waiting for the next worker", () => {
  it("resolves at once if none is announced with this key", async () => {
    const { arrivals, expected } = expecting("a");
    await arrivals.next("b");
    expected[0]!.arrive();
    await arrivals.next("a");
    await arrivals.next("a");
  });

  it("gives each announced worker to one caller, and lets further callers pass", async () => {
    const { arrivals, expected } = expecting("a", "a");
    const waits = [arrivals.next("a"), arrivals.next("a"), arrivals.next("a")];
    expect(await settled(waits)).toEqual([false, false, true]);
    // whichever comes first
    expected[1]!.arrive();
    expect(await settled(waits)).toEqual([true, false, true]);
    expected[0]!.arrive();
    expect(await settled(waits)).toEqual([true, true, true]);
  });

  it("resolves when the worker has failed", async () => {
    const { arrivals, expected } = expecting("a");
    const wait = arrivals.next("a");
    expect(await isSettled(wait)).toBe(false);
    expected[0]!.fail();
    await wait;
  });
});
