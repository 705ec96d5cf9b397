import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StreamEvent } from "../../../src/api/events.ts";
import { keepAlive } from "../../../src/http/keepAlive.ts";
import { Channel } from "../../../src/shared/channel.ts";
import { collect, from } from "../support/streams.ts";

const START: StreamEvent = { type: "message_start" };
const STOP: StreamEvent = { type: "message_stop" };
const PING: StreamEvent = { type: "ping" };

/** Events that a test sends when it likes, and what comes of them. */
function scene() {
  const events = new Channel<StreamEvent>(8);
  const seen: StreamEvent[] = [];
  const over = (async () => {
    for await (const event of keepAlive(events, 1000)) seen.push(event);
  })();
  return { events, seen, over };
}

describe("keepAlive", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("changes nothing in a stream that flows", async () => {
    expect(await collect(keepAlive(from([START, STOP])))).toEqual([START, STOP]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("pings through a long silence, and only there", async () => {
    const { events, seen, over } = scene();
    await events.push(START);
    await vi.advanceTimersByTimeAsync(900);
    expect(seen).toEqual([START]);
    await vi.advanceTimersByTimeAsync(2200);
    expect(seen).toEqual([START, PING, PING, PING]);
    await events.push(STOP);
    events.end();
    await over;
    expect(seen).toEqual([START, PING, PING, PING, STOP]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("passes a failure on that comes after a ping", async () => {
    const { events, seen, over } = scene();
    const failed = expect(over).rejects.toThrow("cut");
    await vi.advanceTimersByTimeAsync(1000);
    events.end(new Error("cut"));
    await failed;
    expect(seen).toEqual([PING]);
  });

  it("lets the events go when nobody reads on", async () => {
    let isOver = false;
    async function* endless() {
      try {
        for (;;) yield START;
      } finally {
        isOver = true;
      }
    }
    for await (const event of keepAlive(endless())) {
      expect(event).toEqual(START);
      break;
    }
    expect(isOver).toBe(true);
  });
});
