import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { EventLoopBudget } from "../../../src/shared/eventLoopBudget.ts";
import { byteLines } from "../../../src/shared/lines.ts";
import { from } from "../../support/streams.ts";

describe("EventLoopBudget", () => {
  it("is spent after five milliseconds, and full again in the next turn", async () => {
    let now = 0;
    const budget = new EventLoopBudget(() => now);
    expect(budget.isSpent).toBe(false);
    now = 4;
    expect(budget.isSpent).toBe(false);
    now = 5;
    expect(budget.isSpent).toBe(true);
    await budget.nextTurn();
    expect(budget.isSpent).toBe(false);
  });

  it("is shared by all line readers, each of which gets its part", async () => {
    let now = 0;
    const budget = new EventLoopBudget(() => now);
    const readers = 4;
    const text = Buffer.from("line\n".repeat(100));
    const inTurn = new Map<number, number>();
    const progress = Array<number>(readers).fill(0);
    const spreads: number[] = [];
    let turn = 0;
    const reading = progress.map(async (_, reader) => {
      for await (const line of byteLines(from([text]), { limit: 10, overlong: "fail" }, budget)) {
        // each line takes a millisecond
        now += line.length / 4;
        inTurn.set(turn, (inTurn.get(turn) ?? 0) + 1);
        progress[reader] = (progress[reader] as number) + 1;
        spreads.push(Math.max(...progress) - Math.min(...progress));
      }
    });
    let isOver = false;
    const over = Promise.all(reading).then(() => {
      isOver = true;
    });
    while (!isOver) {
      await setImmediate();
      turn += 1;
    }
    await over;
    expect(progress).toEqual(Array(readers).fill(100));
    // five for the budget, and at least one line per reader
    expect(Math.max(...inTurn.values())).toBeLessThan(5 + 2 * readers);
    expect(Math.max(...spreads)).toBeLessThan(20);
  });
});
