import { Emitter } from "../shared/emitter.ts";
import type { Controller } from "./controller.ts";
import type { ProbeResult, RunningBatch } from "./probe.ts";
import { urlOf } from "./state.ts";

/** Milliseconds between two looks. */
const INTERVAL = 1000;

/** What a look at the server has brought. */
export interface BatchNews {
  running: readonly RunningBatch[];
  /** Whether a batch has begun or is over since the last look. */
  isAnother: boolean;
}

/**
 * Follows the batches that run on the server this window uses: looks at its `/health` once a second while one runs or
 * somebody watches, else only when something suggests it.
 */
export class BatchWatch {
  readonly #server: Pick<Controller, "state" | "onDidChangeState">;
  readonly #probe: (url: string) => Promise<ProbeResult>;
  readonly #told = new Emitter<BatchNews>();
  readonly #looked = new Emitter<number>();
  readonly #watchers = new Set<symbol>();
  readonly #forgetServer: () => void;
  #running: readonly RunningBatch[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastLook = 0;
  #isLooking = false;
  #lookAgain = false;
  #isOver = false;

  constructor(server: Pick<Controller, "state" | "onDidChangeState">, probe: (url: string) => Promise<ProbeResult>) {
    this.#server = server;
    this.#probe = probe;
    this.#forgetServer = server.onDidChangeState(() => this.look());
    this.look();
  }

  /** The batches that have not ended, as the last look found them. */
  get running(): readonly RunningBatch[] {
    return this.#running;
  }

  /** Calls back when a batch begins, gets on or is over; returns what ends that. */
  onDidChange(listener: (news: BatchNews) => void): () => void {
    return this.#told.on(listener);
  }

  /** Calls back after each look at the server, with the time at which that began; returns what ends that. */
  onDidLook(listener: (began: number) => void): () => void {
    return this.#looked.on(listener);
  }

  /** Keeps looking, whether a batch runs or not, until the function it returns is called. */
  follow(): () => void {
    const watcher = Symbol("watcher");
    this.#watchers.add(watcher);
    this.look();
    return () => void this.#watchers.delete(watcher);
  }

  /** Looks, at once if the last look is a second ago. */
  look(): void {
    if (this.#isOver) return;
    if (urlOf(this.#server.state) === undefined) {
      this.#cancelLook();
      this.#tell([]);
    } else if (this.#isLooking) {
      this.#lookAgain = true;
    } else {
      this.#timer ??= setTimeout(() => void this.#look(), this.#wait);
    }
  }

  /** Never longer than the interval, also where the clock was set back. */
  get #wait(): number {
    return Math.min(INTERVAL, Math.max(0, this.#lastLook + INTERVAL - Date.now()));
  }

  dispose(): void {
    this.#isOver = true;
    this.#forgetServer();
    this.#cancelLook();
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    const url = urlOf(this.#server.state);
    if (url === undefined) return;
    this.#isLooking = true;
    this.#lookAgain = false;
    this.#lastLook = Date.now();
    const found = await this.#probe(url);
    this.#isLooking = false;
    if (this.#isOver) return;
    if (found.kind === "ours" && urlOf(this.#server.state) === url) {
      this.#tell(found.batches);
      this.#looked.emit(this.#lastLook);
    }
    if (this.#lookAgain || this.#watchers.size > 0 || this.#running.length > 0) this.look();
  }

  #cancelLook(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tell(running: readonly RunningBatch[]): void {
    const before = this.#running;
    if (JSON.stringify(running) === JSON.stringify(before)) return;
    this.#running = running;
    this.#told.emit({ running, isAnother: idsOf(running) !== idsOf(before) });
  }
}

function idsOf(batches: readonly RunningBatch[]): string {
  return batches.map(({ id }) => id).join();
}
