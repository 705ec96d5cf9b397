import { expect, it } from "vitest";
import { IdleWorkers } from "../../../../src/claude/pool/idleWorkers.ts";
import type { Worker } from "../../../../src/claude/worker.ts";

const worker = (usableUntil = Number.POSITIVE_INFINITY) =>
  ({ alive: true, transport: { name: "overlay" }, helperKey: { variables: [], usableUntil } }) as unknown as Worker;

it("skips workers with an expired key, and returns them with those that were idle too long", () => {
  const idle = new IdleWorkers();
  const [fresh, old, oldBlank] = [worker(), worker(0), worker(0)];
  idle.add(fresh, "key");
  idle.add(old, "key");
  idle.add(oldBlank, undefined);
  expect(idle.takeBlank("overlay")).toBeUndefined();
  expect(idle.take("key")).toBe(fresh);
  idle.add(fresh, "key");
  expect(idle.takeExpired(0)).toEqual([old, oldBlank]);
  expect(idle.take("key")).toBe(fresh);
});
