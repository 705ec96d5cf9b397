import { expect, it } from "vitest";
import { Deferred } from "../../../src/shared/deferred.ts";
import { errorText } from "../../../src/shared/errorText.ts";
import { SerialQueue } from "../../../src/shared/serialQueue.ts";
import { untilAborted } from "../../../src/shared/untilAborted.ts";

it("runs the steps of a queue one at a time, also after one that fails", async () => {
  const queue = new SerialQueue();
  const order: string[] = [];
  const first = new Deferred<string>();
  const results = [
    queue.run(() => first.promise),
    queue.run(async () => order.push("second")),
    queue.run(async () => order.push("third")),
  ];
  await Promise.resolve();
  expect(order).toEqual([]);
  first.reject(new Error("first"));
  await expect(results[0]).rejects.toThrow("first");
  expect(await Promise.all(results.slice(1))).toEqual([1, 2]);
  expect(order).toEqual(["second", "third"]);
});

it("waits until a promise settles or the signal is aborted, and then ignores the promise", async () => {
  expect(await untilAborted(Promise.resolve(5), new AbortController().signal)).toBe(5);
  const gone = new Error("gone");
  const controller = new AbortController();
  const late = new Deferred();
  const waiting = untilAborted(late.promise, controller.signal);
  controller.abort(gone);
  await expect(waiting).rejects.toBe(gone);
  await expect(untilAborted(Promise.reject(new Error("unhandled")), controller.signal)).rejects.toBe(gone);
  // would end the process if it were not handled
  late.reject(new Error("late"));
});

it("adds the cause's message once", () => {
  const cause = new Error("ENOSPC: no space left on device, write");
  expect(errorText(new Error("The disk is full.", { cause }))).toBe(`The disk is full. (${cause.message})`);
  expect(errorText(new Error(`Unreadable: ${cause.message}`, { cause }))).toBe(`Unreadable: ${cause.message}`);
  expect(errorText(new Error("alone"))).toBe("alone");
});
