import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Slicer, Slices } from "../../../src/shared/slices.ts";

describe("Slices", () => {
  it("end after ten milliseconds, and start again after a pause", async () => {
    let now = 0;
    const slices = new Slices(
      new AbortController().signal,
      async () => {},
      () => now,
    );
    now = 9;
    expect(slices.isPauseDue).toBe(false);
    now = 10;
    expect(slices.isPauseDue).toBe(true);
    await slices.pause();
    expect(slices.isPauseDue).toBe(false);
  });

  it("of several tasks run one per turn of the event loop", async () => {
    const slicer = new Slicer();
    let turn = 0;
    const turns: number[] = [];
    const work = Array.from({ length: 5 }, async () => {
      await slicer.begin(new AbortController().signal).pause();
      turns.push(turn);
    });
    while (turns.length < work.length) {
      await setImmediate();
      turn += 1;
    }
    expect(new Set(turns).size).toBe(work.length);
  });

  it("end when the task is aborted, before or during a pause", async () => {
    const gone = new AbortController();
    const slices = new Slicer().begin(gone.signal);
    const pausing = slices.pause();
    gone.abort();
    await expect(pausing).rejects.toThrow("aborted");
    await expect(slices.pause()).rejects.toThrow("aborted");
  });
});
