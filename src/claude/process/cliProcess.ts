import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { getDefaultHighWaterMark, Readable, setDefaultHighWaterMark } from "node:stream";
import { Deferred } from "../../shared/deferred.ts";
import { EventLoopBudget } from "../../shared/eventLoopBudget.ts";
import { resolvesWithin } from "../../shared/resolvesWithin.ts";
import { type NetworkRoute, networkRoute } from "./network.ts";
import { lowerPriority } from "./priority.ts";
import type { Reaper } from "./reaper.ts";

export interface Launch {
  command: string;
  args: readonly string[];
  environment: Record<string, string>;
  /** An empty directory, so that the CLI reads no project files. */
  cwd: string;
}

/** For messages: `exit code 1`, `SIGKILL`, `spawn ENOENT`. */
export type Ending = string;

export type Spawn = (command: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

/** Time limit after SIGKILL: the kernel may keep the process in a system call. */
const KILL_TIMEOUT_MS = 10_000;

/** A child process that is stopped in steps. It leads its own process group, so a signal also reaches its helpers. */
export class CliProcess {
  /** Undefined if `spawn` threw. */
  readonly #child: ChildProcess | undefined;
  /** Resolves once the process runs; rejects if it cannot start. */
  readonly started: Promise<void>;
  readonly #exited = new Deferred<Ending>();
  readonly exited = this.#exited.promise;
  /** Shared by all processes. */
  readonly budget: EventLoopBudget;
  readonly route: NetworkRoute;
  #ended = false;

  constructor(launch: Launch, reaper: Reaper, start: Spawn = spawn, budget = new EventLoopBudget()) {
    this.budget = budget;
    this.route = networkRoute(launch.environment);
    try {
      this.#child = withSmallBuffers(() =>
        start(launch.command, [...launch.args], {
          cwd: launch.cwd,
          env: launch.environment,
          stdio: "pipe",
          detached: process.platform !== "win32",
          windowsHide: true,
        }),
      );
      this.started = once(this.#child, "spawn").then(() => {});
      this.#listen(this.#child, reaper);
    } catch (error) {
      this.started = Promise.reject(error);
      this.#end((error as Error).message);
    }
    // callers that do not await it see the failure in `exited`
    this.started.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get stdout(): Readable {
    return this.#child?.stdout ?? Readable.from([]);
  }

  get stderr(): AsyncIterable<Buffer> {
    return this.#child?.stderr ?? Readable.from([]);
  }

  lowerPriority(): void {
    if (this.pid !== undefined) void lowerPriority(this.pid);
  }

  write(...pieces: readonly (string | Uint8Array)[]): void {
    const stdin = this.#child?.stdin;
    if (!stdin?.writable) return;
    stdin.cork();
    for (const piece of pieces) stdin.write(piece);
    stdin.uncork();
  }

  /** Closes stdin, which ends an idle CLI; then sends SIGTERM, then SIGKILL, `grace` milliseconds apart. */
  async stop(grace = 1000): Promise<void> {
    if (this.#ended) return;
    this.#child?.stdin?.end();
    if (await resolvesWithin(grace, this.exited)) return;
    this.#signal("SIGTERM");
    if (await resolvesWithin(grace, this.exited)) return;
    this.kill();
    await this.exited;
  }

  kill(): void {
    if (this.#ended) return;
    this.#signal("SIGKILL");
    const giveUp = setTimeout(() => this.#end("SIGKILL did not end it"), KILL_TIMEOUT_MS).unref();
    void this.exited.then(() => clearTimeout(giveUp));
  }

  /** Closes its pipes, which another process may keep open. */
  release(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  get #streams() {
    const { stdin, stdout, stderr } = this.#child ?? {};
    return [stdin, stdout, stderr].filter((stream) => stream !== null && stream !== undefined);
  }

  #listen(child: ChildProcess, reaper: Reaper): void {
    const { pid } = child;
    if (pid !== undefined) reaper.watch(pid);
    // a broken pipe must not crash this program
    for (const stream of this.#streams) stream.on("error", () => {});
    child.on("error", (error) => {
      // later errors are about signals that could not be sent
      if (pid === undefined) this.#end(error.message);
    });
    child.on("exit", (code, signal) => {
      if (pid !== undefined) {
        // a helper that outlives the CLI would keep its pipes open
        this.#signal("SIGKILL");
        reaper.forget(pid);
      }
      this.#end(signal ?? `exit code ${code}`);
    });
  }

  #end(how: Ending): void {
    this.#ended = true;
    this.#exited.resolve(how);
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined) return;
    try {
      if (process.platform === "win32") this.#child?.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // it has just ended
    }
  }
}

/** Creates streams that buffer nothing while paused: Node would wake up for each write of the CLI. */
function withSmallBuffers<T>(create: () => T): T {
  const usual = getDefaultHighWaterMark(false);
  setDefaultHighWaterMark(false, 1);
  try {
    return create();
  } finally {
    setDefaultHighWaterMark(false, usual);
  }
}
