import { type ChildProcess, spawn } from "node:child_process";
import type { Spawn } from "./cliProcess.ts";

/** Reads `+PID` and `-PID`. Kills the listed process groups when its stdin closes, because this program has ended. */
const SCRIPT = `
pids=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -KILL "-$pid" 2>/dev/null; done
`;

/** Minimum interval, so that a shell that cannot run is not restarted in a loop. */
const RESTART_INTERVAL_MS = 1000;

/**
 * A small shell that outlives this program: a busy worker does not notice that its parent was killed. On Windows,
 * libuv's job object does this.
 */
export class Reaper {
  readonly #start: Spawn;
  readonly #watched = new Set<number>();
  #shell: ChildProcess | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #restart: NodeJS.Timeout | undefined;
  #closed: boolean;

  constructor(platform: NodeJS.Platform = process.platform, start: Spawn = spawn) {
    this.#start = start;
    this.#closed = platform === "win32";
    this.#ensure();
  }

  get pid(): number | undefined {
    return this.#shell?.pid;
  }

  watch(pid: number): void {
    this.#watched.add(pid);
    if (this.#shell) this.#shell.stdin?.write(`+${pid}\n`);
    else this.#ensure();
  }

  forget(pid: number): void {
    this.#watched.delete(pid);
    this.#shell?.stdin?.write(`-${pid}\n`);
  }

  /** Ends the shell, which kills the processes still watched. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#shell?.stdin?.end();
  }

  #ensure(): void {
    if (this.#closed || this.#shell) return;
    clearTimeout(this.#restart);
    const wait = this.#startedAt + RESTART_INTERVAL_MS - performance.now();
    if (wait > 0) {
      this.#restart = setTimeout(() => this.#ensure(), wait).unref();
      return;
    }
    this.#startedAt = performance.now();
    try {
      this.#listen(this.#start("/bin/sh", ["-c", SCRIPT], SHELL_OPTIONS));
    } catch {
      // out of resources: the next worker's start tries again
    }
  }

  #listen(shell: ChildProcess): void {
    const gone = () => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      this.#ensure();
    };
    this.#shell = shell;
    shell.on("error", gone);
    shell.on("exit", gone);
    shell.stdin?.on("error", () => {});
    for (const pid of this.#watched) shell.stdin?.write(`+${pid}\n`);
    shell.unref();
  }
}

const SHELL_OPTIONS = {
  stdio: ["pipe", "ignore", "ignore"] as ("pipe" | "ignore")[],
  detached: true,
  env: {},
  cwd: "/",
};
