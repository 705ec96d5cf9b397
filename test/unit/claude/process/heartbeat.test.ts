import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Heartbeat } from "../../../../src/claude/process/heartbeat.ts";

const SILENCE = 60_000;
const WAKE = 5000;

function begin() {
  const seen = { pings: 0, dead: 0, bound: 0, held: false };
  const heartbeat = new Heartbeat({
    silenceLimit: SILENCE,
    wakeLimit: WAKE,
    ping: () => {
      seen.pings += 1;
    },
    isHeld: () => seen.held,
    onDead: (bound) => {
      seen.dead += 1;
      seen.bound = bound;
    },
  });
  heartbeat.start();
  return { heartbeat, seen };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("Heartbeat", () => {
  it("pings a silent process once, and gives it up after the limit, not before", () => {
    const { seen } = begin();
    vi.advanceTimersByTime(SILENCE);
    expect(seen).toMatchObject({ pings: 1, dead: 0 });
    vi.advanceTimersByTime(SILENCE);
    expect(seen).toMatchObject({ pings: 1, dead: 1 });
    vi.advanceTimersByTime(10 * SILENCE);
    expect(seen.dead).toBe(1);
  });

  it("keeps a silent process that answers each ping", () => {
    const { heartbeat, seen } = begin();
    let answered = 0;
    for (let second = 0; second < 3600; second++) {
      vi.advanceTimersByTime(1000);
      if (seen.pings > answered) heartbeat.onMessage();
      answered = seen.pings;
    }
    expect(seen.dead).toBe(0);
    expect(answered).toBeGreaterThan(100);
  });

  it("does not ping a process that writes", () => {
    const { heartbeat, seen } = begin();
    for (let second = 0; second < 600; second++) {
      vi.advanceTimersByTime(1000);
      heartbeat.onMessage();
    }
    expect(seen.dead).toBe(0);
  });

  it("stops counting while messages wait for the client", () => {
    const { seen } = begin();
    seen.held = true;
    vi.advanceTimersByTime(60 * SILENCE);
    expect(seen).toMatchObject({ pings: 0, dead: 0 });
    seen.held = false;
    vi.advanceTimersByTime(2 * SILENCE);
    expect(seen.dead).toBe(1);
  });

  it("gives a process that slept with the machine the full time", () => {
    const { heartbeat, seen } = begin();
    vi.advanceTimersByTime(SILENCE - 1);
    // a timer fires once after a sleep of any length
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(1);
    heartbeat.onMessage();
    vi.advanceTimersByTime(SILENCE);
    expect(seen.dead).toBe(0);
  });

  it("gives a process that has answered before a short time to respond", () => {
    const { heartbeat, seen } = begin();
    heartbeat.onMessage();
    heartbeat.stop();
    heartbeat.start();
    expect(seen.pings).toBe(1);
    vi.advanceTimersByTime(2 * WAKE);
    expect(seen).toMatchObject({ dead: 1, bound: WAKE });
  });

  it("gives it the full limit after its response", () => {
    const { heartbeat, seen } = begin();
    heartbeat.onMessage();
    heartbeat.stop();
    heartbeat.start();
    vi.advanceTimersByTime(WAKE / 2);
    heartbeat.onMessage();
    vi.advanceTimersByTime(SILENCE);
    expect(seen.dead).toBe(0);
    vi.advanceTimersByTime(SILENCE);
    expect(seen).toMatchObject({ dead: 1, bound: SILENCE });
  });

  it("is not started by messages after its end", () => {
    const { heartbeat, seen } = begin();
    heartbeat.stop();
    heartbeat.onMessage();
    vi.advanceTimersByTime(10 * SILENCE);
    expect(seen).toMatchObject({ pings: 0, dead: 0 });
  });

  it("does nothing after stop", () => {
    const { heartbeat, seen } = begin();
    heartbeat.stop();
    vi.advanceTimersByTime(10 * SILENCE);
    expect(seen).toMatchObject({ pings: 0, dead: 0 });
  });
});
