import { type ChildProcess, spawn } from "node:child_process";

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

/**
 * One small shell that outlives us: a worker in mid-answer does not notice that its parent was killed.
 * On Windows it is not needed, since libuv puts children into a job object that dies with its owner.
 */
export class Reaper {
  #shell: ChildProcess | undefined;

  constructor(platform: NodeJS.Platform = process.platform) {
    if (platform === "win32") return;
    this.#shell = spawn("/bin/sh", ["-c", SCRIPT], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      env: {},
      cwd: "/",
    });
    this.#shell.on("error", () => {
      this.#shell = undefined;
    });
    this.#shell.stdin?.on("error", () => {});
    this.#shell.unref();
  }

  watch(pid: number): void {
    this.#shell?.stdin?.write(`+${pid}\n`);
  }

  forget(pid: number): void {
    this.#shell?.stdin?.write(`-${pid}\n`);
  }

  /** Ends the shell, which kills what is still being watched. */
  close(): void {
    this.#shell?.stdin?.end();
  }
}
