import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { yieldToOthers } from "./priority.ts";
import type { Reaper } from "./reaper.ts";

/** How to start one process of the CLI. */
export interface Launch {
  command: string;
  args: readonly string[];
  environment: Record<string, string>;
  /** An empty directory of our own, so that no project's files reach the CLI. */
  cwd: string;
}

/** How a process ended, for people: `exit code 1`, `SIGKILL`, `spawn ENOENT`. */
export type Ending = string;

/** A child process with its stop ladder. Its process group is its own, so that a stop reaches helpers it started. */
export class CliProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly exited: Promise<Ending>;
  #ended = false;

  constructor(launch: Launch, reaper: Reaper) {
    this.#child = spawn(launch.command, [...launch.args], {
      cwd: launch.cwd,
      env: launch.environment,
      stdio: "pipe",
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    const { pid } = this.#child;
    if (pid !== undefined) reaper.watch(pid);
    // a write to a process that has just ended fails with EPIPE; `exited` tells of it
    this.#child.stdin.on("error", () => {});
    this.exited = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.exited.then(() => {
      this.#ended = true;
      if (pid !== undefined) reaper.forget(pid);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get stdout(): AsyncIterable<Buffer> {
    return this.#child.stdout;
  }

  get stderr(): AsyncIterable<Buffer> {
    return this.#child.stderr;
  }

  /** Lets others go before it, as far as the system allows. */
  yieldToOthers(): void {
    if (this.pid !== undefined) void yieldToOthers(this.pid);
  }

  write(text: string): void {
    if (this.#child.stdin.writable) this.#child.stdin.write(text);
  }

  /** Closes stdin, which ends an idle CLI at once, then asks with SIGTERM, then kills; `grace` is the time of each step. */
  async stop(grace = 1000): Promise<void> {
    if (this.#ended) return;
    this.#child.stdin.end();
    if (await this.#endsWithin(grace)) return;
    this.#signal("SIGTERM");
    if (await this.#endsWithin(grace)) return;
    this.kill();
    await this.exited;
  }

  kill(): void {
    if (!this.#ended) this.#signal("SIGKILL");
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (process.platform === "win32") this.#child.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // it has just ended by itself
    }
  }

  async #endsWithin(milliseconds: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), milliseconds);
    });
    const inTime = this.exited.then(() => true);
    return Promise.race([inTime, late]).finally(() => clearTimeout(timer));
  }
}
