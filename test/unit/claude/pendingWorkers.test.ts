import { describe, expect, it } from "vitest";
import { PendingWorkers } from "../../../src/claude/pendingWorkers.ts";
import { isSettled } from "../support/streams.ts";

/** PendingWorkers with some that are expected, which settle by their functions. */
function expecting(...keys: string[]) {
  const arrivals = new PendingWorkers();
  const expected = keys.map((key) => {
    let arrive = () => {};
    let fail = () => {};
    const arrival = new Promise<void>((resolve, reject) => {
      arrive = resolve;
      fail = () => reject(new Error("gone"));
    });
    arrivals.expect(key, arrival).catch(() => {});
    return { arrive, fail };
  });
  return { arrivals, expected };
}

const settled = (waits: Promise<unknown>[]) => Promise.all(waits.map(isSettled));

describe("a wait for the next worker", () => {
  it("is over at once where none is expected with this key", async () => {
    const { arrivals, expected } = expecting("a");
    await arrivals.next("b");
    expected[0]!.arrive();
    await arrivals.next("a");
    await arrivals.next("a");
  });

  it("takes an arrival that no other waits for: of as many as are expected, one at each, and one more not at all", async () => {
    const { arrivals, expected } = expecting("a", "a");
    const waits = [arrivals.next("a"), arrivals.next("a"), arrivals.next("a")];
    expect(await settled(waits)).toEqual([false, false, true]);
    // whichever comes first
    expected[1]!.arrive();
    expect(await settled(waits)).toEqual([true, false, true]);
    expected[0]!.arrive();
    expect(await settled(waits)).toEqual([true, true, true]);
  });

  it("is over when the worker has failed", async () => {
    const { arrivals, expected } = expecting("a");
    const wait = arrivals.next("a");
    expect(await isSettled(wait)).toBe(false);
    expected[0]!.fail();
    await wait;
  });
});
