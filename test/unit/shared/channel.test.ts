import { describe, expect, it } from "vitest";
import { Channel } from "../../../src/shared/channel.ts";
import { collect, isSettled } from "../../support/streams.ts";

describe("Channel", () => {
  it("yields what was pushed, in order", async () => {
    const channel = new Channel<number>(8);
    for (const item of [1, 2, 3]) await channel.push(item);
    channel.close();
    expect(await collect(channel)).toEqual([[1, 2, 3]]);
  });

  it("wakes a waiting reader", async () => {
    const channel = new Channel<string>(8);
    const read = channel[Symbol.asyncIterator]().next();
    expect(await isSettled(read)).toBe(false);
    await channel.push("late");
    expect(await read).toEqual({ done: false, value: ["late"] });
  });

  it.each([
    ["ends", undefined],
    ["fails", new Error("gone")],
  ])("wakes a waiting reader when it %s", async (_how, error) => {
    const channel = new Channel<string>(8);
    const read = collect(channel);
    expect(await isSettled(read)).toBe(false);
    channel.close(error);
    if (error) await expect(read).rejects.toBe(error);
    else expect(await read).toEqual([]);
  });

  it("delays a push at capacity until the reader takes an item", async () => {
    const channel = new Channel<string>(2);
    expect(await isSettled(channel.push("a"))).toBe(true);
    const full = channel.push("b");
    expect(await isSettled(full)).toBe(false);
    expect(await channel[Symbol.asyncIterator]().next()).toEqual({ done: false, value: ["a", "b"] });
    expect(await isSettled(full)).toBe(true);
  });

  it("resolves a waiting push on close, and still yields its item", async () => {
    const channel = new Channel<string>(1);
    const full = channel.push("a");
    expect(await isSettled(full)).toBe(false);
    channel.close();
    expect(await isSettled(full)).toBe(true);
    expect(await collect(channel)).toEqual([["a"]]);
  });

  it("never exceeds its capacity, and loses nothing", async () => {
    const channel = new Channel<number>(3);
    const items = Array.from({ length: 500 }, (_, index) => index);
    let pushed = 0;
    const producing = (async () => {
      for (const item of items) {
        pushed += 1;
        await channel.push(item);
      }
      channel.close();
    })();
    const read: number[] = [];
    for await (const batch of channel) {
      expect(batch.length).toBeLessThanOrEqual(3);
      expect(pushed - read.length).toBeLessThanOrEqual(3 + 1);
      read.push(...batch);
    }
    await producing;
    expect(read).toEqual(items);
  });

  it("yields buffered items before it fails", async () => {
    const channel = new Channel<string>(8);
    await channel.push("a");
    await channel.push("b");
    const error = new Error("broken");
    channel.close(error);
    const reader = channel[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual(["a", "b"]);
    await expect(reader.next()).rejects.toBe(error);
  });

  it("drops items pushed after close, without waiting", async () => {
    const channel = new Channel<string>(1);
    channel.close();
    expect(await isSettled(channel.push("too late"))).toBe(true);
    expect(await collect(channel)).toEqual([]);
  });

  it("ignores a second close", async () => {
    const failed = new Channel<string>(1);
    failed.close(new Error("first"));
    failed.close(new Error("second"));
    failed.close();
    await expect(collect(failed)).rejects.toThrow("first");
    const ended = new Channel<string>(1);
    ended.close();
    ended.close(new Error("too late"));
    expect(await collect(ended)).toEqual([]);
  });
});
