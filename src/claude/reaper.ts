import { type ChildProcess, spawn } from "node:child_process";
import type { Spawn } from "./cliProcess.ts";

/**
 * Reads `+PID` and `-PID` lines; when its stdin ends, because this program is gone in whatever way,
 * it kills the process groups that are still listed.
 */
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

/** Milliseconds between the starts of two shells, so that one that cannot live is not started in a loop. */
const RESTART_INTERVAL_MS = 1000;

/**
 * One small shell that outlives us: a worker in mid-answer does not notice that its parent was killed. A shell that ends
 * before us is replaced. On Windows none is needed, since libuv puts children into a job object that dies with its owner.
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

  /** The shell's process id; undefined where there is none. */
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

  /** Ends the shell, which kills what is still being watched. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#shell?.stdin?.end();
  }

  /** Starts a shell where there is none, and hands it the list. */
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
      // too few resources: the next worker's start tries again
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
