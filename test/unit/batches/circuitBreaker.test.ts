import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cliMissing, cliTooOld, notSignedIn } from "../../../src/api/cliErrors.ts";
import { ApiError, overloaded, upstreamUnreachable } from "../../../src/api/errors.ts";
import { backoffDelay, CircuitBreaker, classifyFailure } from "../../../src/batches/circuitBreaker.ts";
import { isSettled } from "../support/streams.ts";

const error = (status: number, headers: Record<string, string> = {}) =>
  new ApiError(status, "api_error", "Words", { headers });

describe("a failure", () => {
  it.each([401, 402, 429, 529])("%i is everybody's", (status) => {
    expect(classifyFailure(error(status))).toBe("trip");
  });

  it.each([cliMissing(), cliTooOld("claude", "1", "2"), notSignedIn(), upstreamUnreachable("no"), overloaded(1)])(
    "of the CLI or the way to upstream is everybody's: $message",
    (failure) => {
      expect(classifyFailure(failure)).toBe("trip");
    },
  );

  it.each([408, 500, 502, 503, 504])("%i may pass", (status) => {
    expect(classifyFailure(error(status))).toBe("retry");
  });

  it.each([400, 403, 404, 413, 422])("%i is final", (status) => {
    expect(classifyFailure(error(status))).toBe("final");
  });
});

describe("the wait after failures in a row", () => {
  const options = { first: 1000, longest: 60_000 };
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    [1, 1000],
    [2, 2000],
    [5, 16_000],
    [7, 60_000],
    [5000, 60_000],
  ])("doubles up to a bound, less a quarter at most: after %i, %i ms", (failures, most) => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    expect(backoffDelay(failures, options)).toBe(0.75 * most);
    random.mockReturnValue(1);
    expect(backoffDelay(failures, options)).toBe(most);
  });
});

describe("the circuit breaker", () => {
  const NOW = Date.parse("2026-11-22T12:00:00Z");
  const at = (milliseconds: number) => new Date(NOW + milliseconds).toISOString();
  const pauses: string[] = [];
  let breaker: CircuitBreaker;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    vi.spyOn(Math, "random").mockReturnValue(1);
    pauses.length = 0;
    breaker = new CircuitBreaker({ first: 1000, longest: 8000 }, ({ until, reason }) =>
      pauses.push(`${until} ${reason}`),
    );
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("lets requests go as long as nothing has failed", async () => {
    await breaker.acquire(new AbortController().signal);
    expect(breaker.pause).toBeNull();
  });

  it("holds for as long as upstream wishes, even beyond its own longest wait", () => {
    breaker.trip(error(429, { "retry-after": "3600" }));
    expect(breaker.pause).toEqual({ until: at(3_600_000), reason: "Words" });
    vi.setSystemTime(NOW + 3_600_000);
    expect(breaker.pause).toBeNull();
  });

  it("is over in time though the clock is set back by an hour, and at once after a sleep", async () => {
    const time = { monotonic: 0, wall: NOW };
    const clock = { monotonic: () => time.monotonic, wall: () => time.wall };
    const held = new CircuitBreaker({ first: 1000, longest: 8000 }, () => {}, clock);
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

  it.each(["1e300", "Infinity"])("bounds the wish %s, which no time can express", (wish) => {
    breaker.trip(error(429, { "retry-after": wish }));
    expect(breaker.pause?.until).toBe(at(7 * 24 * 3600_000));
  });

  it.each(["", "0", "-5", "soon"])("waits by itself where the wish is %j", (wish) => {
    breaker.trip(error(429, { "retry-after": wish }));
    expect(breaker.pause?.until).toBe(at(1000));
  });

  it("waits longer after each pause that did not help, and shortly again after one that did", () => {
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

  it("counts those that fail together once, and tells of the pause once", () => {
    for (let n = 0; n < 4; n++) breaker.trip(error(529));
    expect(breaker.pause?.until).toBe(at(1000));
    expect(pauses).toEqual([`${at(1000)} Words`]);
  });

  it("is prolonged by a later wish, and not shortened by an earlier one", () => {
    breaker.trip(error(529));
    breaker.trip(error(429, { "retry-after": "30" }));
    breaker.trip(error(429, { "retry-after": "20" }));
    expect(breaker.pause?.until).toBe(at(30_000));
    expect(pauses).toHaveLength(2);
  });

  it("keeps requests back until the pause is over, or their batch is", async () => {
    breaker.trip(error(429, { "retry-after": "3600" }));
    const gone = new AbortController();
    const waiting = breaker.acquire(gone.signal);
    expect(await isSettled(waiting)).toBe(false);
    gone.abort(new Error("canceled"));
    await expect(waiting).rejects.toThrow();
    await expect(breaker.acquire(gone.signal)).rejects.toThrow("canceled");
  });

  it("lets them go when the pause is over", async () => {
    vi.useRealTimers();
    const brief = new CircuitBreaker({ first: 5, longest: 5 }, () => {});
    brief.trip(error(529));
    const until = Date.parse(brief.pause!.until);
    await brief.acquire(new AbortController().signal);
    expect(Date.now()).toBeGreaterThanOrEqual(until);
  });

  describe("after a pause", () => {
    const { signal } = new AbortController();
    beforeEach(() => {
      breaker.trip(error(529));
      vi.setSystemTime(NOW + 1000);
    });

    it("lets one go ahead, and the others once upstream has taken it", async () => {
      const first = await breaker.acquire(signal);
      const others = [breaker.acquire(signal), breaker.acquire(signal)];
      expect(first.isProbe).toBe(true);
      expect(await isSettled(Promise.any(others))).toBe(false);
      breaker.onSuccess();
      first.release();
      expect((await Promise.all(others)).map(({ isProbe }) => isProbe)).toEqual([false, false]);
    });

    it("lets the next one go ahead where the first has ended in another way, and that one is the last in line", async () => {
      const first = await breaker.acquire(signal);
      const second = breaker.acquire(signal);
      first.release();
      const again = breaker.acquire(signal);
      expect((await second).isProbe).toBe(true);
      expect(await isSettled(again)).toBe(false);
    });

    it("is not told by what was sent before that upstream takes anything", async () => {
      breaker.trip(error(529));
      breaker.onSuccess();
      vi.setSystemTime(NOW + 60_000);
      expect((await breaker.acquire(signal)).isProbe).toBe(true);
    });
  });
});
