import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { type UnreadOptions, watchUnread } from "../../../src/http/unread.ts";

/** A response whose timer the test fires, with what `watchUnread` does. */
function watched(given: Partial<UnreadOptions> = {}) {
  const response = Object.assign(new EventEmitter(), { writableLength: 1, steps: [] as number[], fire: () => {} });
  const set = (step: number, fired?: () => void) => {
    response.steps.push(step);
    if (fired) response.fire = fired;
  };
  const given_up: number[] = [];
  let at = 0;
  const options = {
    timeout: 300,
    contendedTimeout: 30,
    isContended: () => false,
    onTimeout: (ms: number) => given_up.push(ms),
  };
  watchUnread(Object.assign(response, { setTimeout: set }) as never, { ...options, now: () => at, ...given });
  const fireAfter = (milliseconds: number, times = 1) => {
    for (let n = 0; n < times; n++) {
      at += milliseconds;
      response.fire();
    }
  };
  return { response, fireAfter, givenUp: given_up };
}

describe("a response that the client does not read", () => {
  it("is ended at the timeout", () => {
    const { fireAfter, givenUp } = watched();
    fireAfter(30, 9);
    expect(givenUp).toEqual([]);
    fireAfter(30);
    expect(givenUp).toEqual([300]);
  });

  it("is ended sooner while others wait", () => {
    let waiting = false;
    const { fireAfter, givenUp } = watched({ isContended: () => waiting });
    fireAfter(30, 3);
    expect(givenUp).toEqual([]);
    waiting = true;
    fireAfter(30);
    expect(givenUp).toEqual([120]);
  });

  it("is ended at a timeout that is below the contended one", () => {
    const { response, fireAfter, givenUp } = watched({ timeout: 20 });
    expect(response.steps).toEqual([20]);
    fireAfter(20);
    expect(givenUp).toEqual([20]);
  });

  // Node's timer fires up to one step late, so a step must be a fraction of the timeout
  it("is checked several times within the contended timeout", () => {
    const { response, fireAfter, givenUp } = watched({
      timeout: 300_000,
      contendedTimeout: 40_000,
      isContended: () => true,
    });
    expect(response.steps).toEqual([10_000]);
    fireAfter(10_000, 3);
    expect(givenUp).toEqual([]);
    fireAfter(10_000);
    expect(givenUp).toEqual([40_000]);
  });

  it("gets the whole timeout again after each read", () => {
    const { response, fireAfter, givenUp } = watched();
    for (let n = 0; n < 5; n++) {
      fireAfter(30, 9);
      response.emit("drain");
    }
    expect(givenUp).toEqual([]);
  });

  it("gets the whole timeout again if progress has delayed the timer", () => {
    const { fireAfter, givenUp } = watched();
    for (let n = 0; n < 5; n++) {
      fireAfter(60);
      fireAfter(30, 8);
    }
    expect(givenUp).toEqual([]);
  });

  it("is not ended while there is nothing to read, whether others wait or not", () => {
    const { response, fireAfter, givenUp } = watched({ isContended: () => true });
    response.writableLength = 0;
    fireAfter(30, 100);
    expect(givenUp).toEqual([]);
  });

  it("may stay unread for any time without a timeout", () => {
    expect(watched({ timeout: 0 }).response.steps).toEqual([]);
  });
});
