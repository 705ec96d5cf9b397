import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StreamEvent } from "../../../src/api/events.ts";
import { frame, sse } from "../../../src/http/sse.ts";
import { Channel } from "../../../src/shared/channel.ts";
import { recordingLogger } from "../../support/recordingLogger.ts";

const START: StreamEvent = { type: "message_start" };
const STOP: StreamEvent = { type: "message_stop" };
const PING = frame({ type: "ping" });

async function* iterated<T>(source: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  yield* source;
}

/** A stream whose events the test sends, with its output. */
function scene() {
  const events = new Channel<StreamEvent>(8);
  const body = sse([START], iterated(events), recordingLogger([]), 1000);
  const seen: string[] = [];
  const over = new Promise<void>((resolve) => body.on("close", resolve));
  body.on("data", (chunk) => seen.push(String(chunk)));
  return { events, body, seen, over };
}

describe("an event stream", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
  afterEach(() => void vi.useRealTimers());

  it("has no pings while it flows, and no timer after its end", async () => {
    const { events, seen, over } = scene();
    events.push(STOP);
    events.close();
    await over;
    expect(seen).toEqual([START, STOP].map(frame));
    expect(vi.getTimerCount()).toBe(0);
  });

  it("has pings during a long silence only", async () => {
    const { events, seen, over } = scene();
    await vi.waitFor(() => expect(seen).toEqual([frame(START)]));
    await vi.advanceTimersByTimeAsync(900);
    expect(seen).toEqual([frame(START)]);
    await vi.advanceTimersByTimeAsync(2200);
    await vi.waitFor(() => expect(seen).toEqual([frame(START), PING, PING, PING]));
    events.push(STOP);
    events.close();
    await over;
    expect(seen).toEqual([frame(START), PING, PING, PING, frame(STOP)]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("reports a failure after a ping", async () => {
    const { events, seen, over } = scene();
    await vi.waitFor(() => expect(seen).toEqual([frame(START)]));
    await vi.advanceTimersByTimeAsync(1000);
    events.close(new Error("cut"));
    await over;
    expect(seen.slice(1)).toEqual([PING, expect.stringContaining("event: error")]);
  });

  it("has no pings for a client that does not read", async () => {
    const body = sse(
      [{ type: "x", text: "x".repeat(200_000) }],
      iterated(new Channel<StreamEvent>(8)),
      recordingLogger([]),
      1000,
    );
    body.read(0);
    const before = body.readableLength;
    expect(before).toBeGreaterThan(200_000);
    await vi.advanceTimersByTimeAsync(5000);
    expect(body.readableLength).toBe(before);
    body.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });
});
