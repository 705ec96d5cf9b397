import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cliMissing, cliTooOld, notSignedIn } from "../../../src/api/cliErrors.ts";
import { ApiError, overloaded, upstreamUnreachable } from "../../../src/api/errors.ts";
import { backoffDelay, CircuitBreaker, classifyFailure } from "../../../src/batches/circuitBreaker.ts";
import { isSettled } from "../../support/streams.ts";

const error = (status: number, headers: Record<string, string> = {}) =>
  new ApiError(status, "api_error", "Words", { headers });

describe("classifyFailure", () => {
  it.each([401, 402, 429, 529])("trips on %i", (status) => {
    expect(classifyFailure(error(status))).toBe("trip");
  });

  it.each([cliMissing(), cliTooOld("claude", "1", "2"), notSignedIn(), upstreamUnreachable("no"), overloaded(1)])(
    "trips on failures of the CLI and of the connection: $message",
    (failure) => {
      expect(classifyFailure(failure)).toBe("trip");
    },
  );

  it.each([408, 500, 502, 503, 504])("retries %i", (status) => {
    expect(classifyFailure(error(status))).toBe("retry");
  });

  it.each([400, 403, 404, 413, 422])("treats %i as final", (status) => {
    expect(classifyFailure(error(status))).toBe("final");
  });
});

describe("backoffDelay", () => {
  const options = { initialMs: 1000, maxMs: 60_000 };
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    [1, 1000],
    [2, 2000],
    [5, 16_000],
    [7, 60_000],
    [5000, 60_000],
  ])("doubles up to a maximum, with at most 25 % jitter: after %i, %i ms", (failures, most) => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    expect(backoffDelay(failures, options)).toBe(0.75 * most);
    random.mockReturnValue(1);
    expect(backoffDelay(failures, options)).toBe(most);
  });
});

describe("CircuitBreaker", () => {
  const NOW = Date.parse("2026-11-22T12:00:00Z");
  const at = (milliseconds: number) => new Date(NOW + milliseconds).toISOString();
  const pauses: string[] = [];
  let breaker: CircuitBreaker;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    vi.spyOn(Math, "random").mockReturnValue(1);
    pauses.length = 0;
    breaker = new CircuitBreaker({ initialMs: 1000, maxMs: 8000 }, ({ until, reason }) =>
      pauses.push(`${until} ${reason}`),
    );
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("permits requests until one fails", async () => {
    await breaker.acquire(new AbortController().signal);
    expect(breaker.pause).toBeNull();
  });

  it("pauses for upstream's retry-after, even beyond its own maximum", () => {
    breaker.trip(error(429, { "retry-after": "3600" }));
    expect(breaker.pause).toEqual({ until: at(3_600_000), reason: "Words" });
    vi.setSystemTime(NOW + 3_600_000);
    expect(breaker.pause).toBeNull();
  });

  it("ends a pause in time even if the clock is set back by an hour, and at once after a sleep", async () => {
    const time = { monotonic: 0, wall: NOW };
    const clock = { monotonic: () => time.monotonic, wall: () => time.wall };
    const held = new CircuitBreaker({ initialMs: 1000, maxMs: 8000 }, () => {}, clock);
    held.trip(error(429, { "retry-after": "10" }));
    time.wall -= 3600_000;
    time.monotonic += 9999;
    expect(held.pause).toEqual({ until: at(10_000), reason: "Words" });
    time.monotonic += 1;
    expect(held.pause).toBeNull();
    held.trip(error(429, { "retry-after": "10" }));
    time.wall += 10_000;
    expect(held.pause).toBeNull();
  });

  it.each(["1e300", "Infinity"])("bounds a retry-after of %s, which exceeds the range of dates", (wish) => {
    breaker.trip(error(429, { "retry-after": wish }));
    expect(breaker.pause?.until).toBe(at(7 * 24 * 3600_000));
  });

  it.each(["", "0", "-5", "soon"])("uses its own delay for a retry-after of %j", (wish) => {
    breaker.trip(error(429, { "retry-after": wish }));
    expect(breaker.pause?.until).toBe(at(1000));
  });

  it("doubles the pause after each failure, and starts again after a success", () => {
    let now = NOW;
    const waits = () => {
      breaker.trip(error(529));
      const wait = Date.parse(breaker.pause!.until) - now;
      now += wait;
      vi.setSystemTime(now);
      return wait;
    };
    expect([waits(), waits(), waits(), waits(), waits()]).toEqual([1000, 2000, 4000, 8000, 8000]);
    breaker.onSuccess();
    expect(waits()).toBe(1000);
    expect(breaker.successCount).toBe(1);
  });

  it("counts concurrent failures once, and reports the pause once", () => {
    for (let n = 0; n < 4; n++) breaker.trip(error(529));
    expect(breaker.pause?.until).toBe(at(1000));
    expect(pauses).toEqual([`${at(1000)} Words`]);
  });

  it("extends a pause for a later retry-after, but does not shorten it for an earlier one", () => {
    breaker.trip(error(529));
    breaker.trip(error(429, { "retry-after": "30" }));
    breaker.trip(error(429, { "retry-after": "20" }));
    expect(breaker.pause?.until).toBe(at(30_000));
    expect(pauses).toHaveLength(2);
  });

  it("delays requests until the pause ends, or their batch does", async () => {
    breaker.trip(error(429, { "retry-after": "3600" }));
    const gone = new AbortController();
    const waiting = breaker.acquire(gone.signal);
    expect(await isSettled(waiting)).toBe(false);
    gone.abort(new Error("canceled"));
    await expect(waiting).rejects.toThrow();
    await expect(breaker.acquire(gone.signal)).rejects.toThrow("canceled");
  });

  it("permits them after the pause", async () => {
    vi.useRealTimers();
    let until = Number.NaN;
    const brief = new CircuitBreaker({ initialMs: 5, maxMs: 5 }, (pause) => {
      until = Date.parse(pause.until);
    });
    brief.trip(error(529));
    await brief.acquire(new AbortController().signal);
    expect(Date.now()).toBeGreaterThanOrEqual(until);
  });

  describe("after a pause", () => {
    const { signal } = new AbortController();
    beforeEach(() => {
      breaker.trip(error(529));
      vi.setSystemTime(NOW + 1000);
    });

    it("sends one request as a probe, and the others once upstream has accepted it", async () => {
      const first = await breaker.acquire(signal);
      const others = [breaker.acquire(signal), breaker.acquire(signal)];
      expect(first.isProbe).toBe(true);
      expect(await isSettled(Promise.any(others))).toBe(false);
      breaker.onSuccess();
      first.release();
      expect((await Promise.all(others)).map(({ isProbe }) => isProbe)).toEqual([false, false]);
    });

    it("makes the next request the probe if the first has failed, which then is last in the queue", async () => {
      const first = await breaker.acquire(signal);
      const second = breaker.acquire(signal);
      first.release();
      const again = breaker.acquire(signal);
      expect((await second).isProbe).toBe(true);
      expect(await isSettled(again)).toBe(false);
    });

    it("stays half-open when a request from before the pause succeeds", async () => {
      breaker.trip(error(529));
      breaker.onSuccess();
      vi.setSystemTime(NOW + 60_000);
      expect((await breaker.acquire(signal)).isProbe).toBe(true);
    });
  });
});
