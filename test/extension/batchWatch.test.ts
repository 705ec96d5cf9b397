import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BatchWatch } from "../../src/extension/batchWatch.ts";
import type { ProbeResult, RunningBatch } from "../../src/extension/probe.ts";
import type { State } from "../../src/extension/state.ts";
import { Emitter } from "../../src/shared/emitter.ts";

const running: State = { kind: "running", url: "http://127.0.0.1:8080", requests: 0 };
const batch = (done: number, id = "msgbatch_1"): RunningBatch => ({ id, total: 3, done, paused: null });

/** A window's server with the given batches, and a watch on it. */
function scene(state: State = running) {
  const changed = new Emitter<State>();
  const server = {
    state,
    onDidChangeState: (listener: (state: State) => void) => changed.on(listener),
    set(next: State) {
      server.state = next;
      changed.emit(next);
    },
  };
  const scene = { batches: [] as RunningBatch[], isBusy: false, probes: 0 };
  const watch = new BatchWatch(server, async (): Promise<ProbeResult> => {
    scene.probes += 1;
    return scene.isBusy ? { kind: "timeout" } : { kind: "ours", requests: 0, batches: scene.batches };
  });
  return Object.assign(scene, { server, watch });
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the watch over batches", () => {
  it("probes once if no batch runs and no view is visible", async () => {
    const on = scene();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(on.probes).toBe(1);
  });

  it("probes once a second while a batch runs, and reports changes", async () => {
    const on = scene();
    const changes: unknown[] = [];
    on.watch.onDidChange(({ running, isNewSet }) => changes.push([running.map(({ done }) => done), isNewSet]));
    on.batches = [batch(0)];
    await vi.advanceTimersByTimeAsync(1500);
    on.batches = [batch(1)];
    await vi.advanceTimersByTimeAsync(3000);
    on.batches = [batch(1), batch(0, "msgbatch_2")];
    await vi.advanceTimersByTimeAsync(1000);
    on.batches = [];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(changes).toEqual([
      [[0], true],
      [[1], false],
      [[1, 0], true],
      [[], true],
    ]);
    expect(on.probes).toBe(7);
  });

  it("keeps probing while a view polls, and not after that", async () => {
    const on = scene();
    const stopPolling = on.watch.keepPolling();
    await vi.advanceTimersByTimeAsync(4500);
    expect(on.probes).toBe(5);
    stopPolling();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(on.probes).toBe(6);
  });

  it("probes when requests begin, but at most once a second", async () => {
    const on = scene();
    await vi.advanceTimersByTimeAsync(5000);
    for (let requests = 1; requests < 100; requests++) on.server.set({ ...running, requests });
    await vi.advanceTimersByTimeAsync(500);
    expect(on.probes).toBe(2);
    on.batches = [batch(2)];
    on.server.set(running);
    await vi.advanceTimersByTimeAsync(400);
    expect(on.watch.running).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(on.watch.running).toEqual([batch(2)]);
  });

  it("forgets all batches at once when the server stops, and stops probing", async () => {
    const on = scene();
    on.batches = [batch(0)];
    on.watch.keepPolling();
    await vi.advanceTimersByTimeAsync(2500);
    on.server.set({ kind: "stopped" });
    expect(on.watch.running).toEqual([]);
    const { probes } = on;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(on.probes).toBe(probes);
    on.server.set(running);
    await vi.advanceTimersByTimeAsync(100);
    expect(on.watch.running).toEqual([batch(0)]);
  });

  it("keeps the last state while the server is too busy to answer", async () => {
    const on = scene();
    on.batches = [batch(1)];
    await vi.advanceTimersByTimeAsync(100);
    on.isBusy = true;
    await vi.advanceTimersByTimeAsync(3000);
    expect(on.watch.running).toEqual([batch(1)]);
  });

  it("ends with its window", async () => {
    const on = scene();
    on.watch.keepPolling();
    await vi.advanceTimersByTimeAsync(100);
    on.watch.dispose();
    on.server.set({ ...running, requests: 3 });
    on.watch.probe();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(on.probes).toBe(1);
  });
});
