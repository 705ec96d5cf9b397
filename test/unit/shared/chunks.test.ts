import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readChunks } from "../../../src/shared/chunks.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A stream like the pipes of our processes, with the chunks read from it. */
function begin(take: (chunk: string) => Promise<void> | void = () => {}) {
  const stream = new PassThrough({ highWaterMark: 1 });
  const taken: string[] = [];
  const read = readChunks(stream, (chunk) => {
    taken.push(String(chunk));
    return take(String(chunk));
  });
  /** Writes this many chunks, this many milliseconds apart. */
  const write = async (count: number, pause: number) => {
    for (let at = 0; at < count; at++) {
      stream.write("x");
      await vi.advanceTimersByTimeAsync(pause);
    }
  };
  return { stream, taken, read, write };
}

describe("readChunks", () => {
  it("passes on the chunks of a short burst as they arrive", async () => {
    const { taken, write } = begin();
    await write(20, 1);
    await write(1, 100);
    await write(20, 1);
    expect(taken).toEqual(Array(41).fill("x"));
  });

  it("passes on spaced chunks as they arrive", async () => {
    const { taken, write } = begin();
    await write(100, 10);
    expect(taken).toEqual(Array(100).fill("x"));
  });

  it("collects the chunks of a long burst, and loses nothing", async () => {
    const { stream, taken, read, write } = begin();
    await write(200, 1);
    stream.end("last");
    await vi.advanceTimersByTimeAsync(10);
    await read;
    expect(taken.join("")).toBe(`${"x".repeat(200)}last`);
    expect(taken.length).toBeLessThan(70);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for the previous chunk", async () => {
    let resolve = () => {};
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const { stream, taken, read } = begin((chunk) => (chunk === "a" ? promise : undefined));
    stream.write("a");
    stream.write("b");
    stream.end();
    await vi.advanceTimersByTimeAsync(10);
    expect(taken).toEqual(["a"]);
    resolve();
    await read;
    expect(taken).toEqual(["a", "b"]);
  });

  it("fails when its consumer fails", async () => {
    const { stream, read } = begin(() => Promise.reject(new Error("no more")));
    stream.write("a");
    await expect(read).rejects.toThrow("no more");
    expect(stream.destroyed).toBe(true);
  });
});
