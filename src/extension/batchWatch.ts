import { Emitter } from "../shared/emitter.ts";
import type { Controller } from "./controller.ts";
import type { ProbeResult, RunningBatch } from "./probe.ts";
import { urlOf } from "./state.ts";

/** Interval between two probes. */
const PROBE_INTERVAL_MS = 1000;

export interface BatchChange {
  running: readonly RunningBatch[];
  /** True if a batch has begun or ended since the last probe. */
  isNewSet: boolean;
}

/**
 * Tracks the batches that run on this window's server. Probes its `/health` once a second while a batch runs or a view is
 * visible, otherwise only when asked.
 */
export class BatchWatch {
  readonly #server: Pick<Controller, "state" | "onDidChangeState">;
  readonly #probeUrl: (url: string) => Promise<ProbeResult>;
  readonly #changed = new Emitter<BatchChange>();
  readonly #probed = new Emitter<number>();
  readonly #pollers = new Set<symbol>();
  readonly #unsubscribe: () => void;
  #running: readonly RunningBatch[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastProbe = 0;
  #isProbing = false;
  #isProbeRequested = false;
  #isDisposed = false;

  constructor(server: Pick<Controller, "state" | "onDidChangeState">, probe: (url: string) => Promise<ProbeResult>) {
    this.#server = server;
    this.#probeUrl = probe;
    this.#unsubscribe = server.onDidChangeState(() => this.probe());
    this.probe();
  }

  /** The batches that had not ended at the last probe. */
  get running(): readonly RunningBatch[] {
    return this.#running;
  }

  /** Calls back when a batch begins, progresses or ends. Returns the unsubscribe function. */
  onDidChange(listener: (change: BatchChange) => void): () => void {
    return this.#changed.on(listener);
  }

  /** Calls back after each probe, with the time at which it began. Returns the unsubscribe function. */
  onDidProbe(listener: (began: number) => void): () => void {
    return this.#probed.on(listener);
  }

  /** Probes once a second, whether a batch runs or not, until the returned function is called. */
  keepPolling(): () => void {
    const poller = Symbol("poller");
    this.#pollers.add(poller);
    this.probe();
    return () => void this.#pollers.delete(poller);
  }

  /** Probes the server: at once, or one second after the last probe. */
  probe(): void {
    if (this.#isDisposed) return;
    if (urlOf(this.#server.state) === undefined) {
      this.#cancelProbe();
      this.#setRunning([]);
    } else if (this.#isProbing) {
      this.#isProbeRequested = true;
    } else {
      this.#timer ??= setTimeout(() => void this.#runProbe(), this.#delay);
    }
  }

  /** Delay of the next probe; never longer than the interval, even if the clock was set back. */
  get #delay(): number {
    return Math.min(PROBE_INTERVAL_MS, Math.max(0, this.#lastProbe + PROBE_INTERVAL_MS - Date.now()));
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#unsubscribe();
    this.#cancelProbe();
  }

  async #runProbe(): Promise<void> {
    this.#timer = undefined;
    const url = urlOf(this.#server.state);
    if (url === undefined) return;
    this.#isProbing = true;
    this.#isProbeRequested = false;
    this.#lastProbe = Date.now();
    const found = await this.#probeUrl(url);
    this.#isProbing = false;
    if (this.#isDisposed) return;
    if (found.kind === "ours" && urlOf(this.#server.state) === url) {
      this.#setRunning(found.batches);
      this.#probed.emit(this.#lastProbe);
    }
    if (this.#isProbeRequested || this.#pollers.size > 0 || this.#running.length > 0) this.probe();
  }

  #cancelProbe(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #setRunning(running: readonly RunningBatch[]): void {
    const before = this.#running;
    if (JSON.stringify(running) === JSON.stringify(before)) return;
    this.#running = running;
    this.#changed.emit({ running, isNewSet: idsOf(running) !== idsOf(before) });
  }
}

function idsOf(batches: readonly RunningBatch[]): string {
  return batches.map(({ id }) => id).join();
}
