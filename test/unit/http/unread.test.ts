import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { type UnreadOptions, watchUnread } from "../../../src/http/unread.ts";

/** A response whose timer the test fires, and what the watch does with it. */
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

describe("an answer that the client does not read", () => {
  it("is given up at the bound", () => {
    const { fireAfter, givenUp } = watched();
    fireAfter(30, 9);
    expect(givenUp).toEqual([]);
    fireAfter(30);
    expect(givenUp).toEqual([300]);
  });

  it("is given up sooner while others wait", () => {
    let waiting = false;
    const { fireAfter, givenUp } = watched({ isContended: () => waiting });
    fireAfter(30, 3);
    expect(givenUp).toEqual([]);
    waiting = true;
    fireAfter(30);
    expect(givenUp).toEqual([120]);
  });

  it("is given up at a bound below the contendedTimeout of others", () => {
    const { response, fireAfter, givenUp } = watched({ timeout: 20 });
    expect(response.steps).toEqual([20]);
    fireAfter(20);
    expect(givenUp).toEqual([20]);
  });

  // Node's timer fires up to one step late, so a step must be a part of the bound
  it("is looked at several times within the contendedTimeout of others", () => {
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

  it("begins anew after each read", () => {
    const { response, fireAfter, givenUp } = watched();
    for (let n = 0; n < 5; n++) {
      fireAfter(30, 9);
      response.emit("drain");
    }
    expect(givenUp).toEqual([]);
  });

  it("begins anew after a timer that progress has delayed", () => {
    const { fireAfter, givenUp } = watched();
    for (let n = 0; n < 5; n++) {
      fireAfter(60);
      fireAfter(30, 8);
    }
    expect(givenUp).toEqual([]);
  });

  it("is none while there is nothing to read, others waiting or not", () => {
    const { response, fireAfter, givenUp } = watched({ isContended: () => true });
    response.writableLength = 0;
    fireAfter(30, 100);
    expect(givenUp).toEqual([]);
  });

  it("may stay unread for any time where there is no bound", () => {
    expect(watched({ timeout: 0 }).response.steps).toEqual([]);
  });
});
