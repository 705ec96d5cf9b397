import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { DescribedError, describe } from "../../api/messageDescriptors.ts";
import { printable } from "../../shared/printable.ts";
import { resolvesWithin } from "../../shared/resolvesWithin.ts";

export interface Probe {
  command: string;
  prefix: readonly string[];
  environment: NodeJS.ProcessEnv;
}

/** Time limit for `--version`, long enough for a cold disk and a virus scanner. */
const TIMEOUT_MS = 30_000;
/** Limit, since another program may print without end. */
const MAX_OUTPUT_CHARACTERS = 10_000;
/** Time to read the output after the program has ended; a helper may hold the pipe open. */
const OUTPUT_DELAY_MS = 1000;
/** A file that is being written cannot be executed; an update of the CLI takes moments. */
const BUSY_ATTEMPTS = 10;
const BUSY_PAUSE_MS = 200;

/** Resolves with the output of `--version`. Rejects with a message for users. */
export async function printedVersion(probe: Probe, timeout = TIMEOUT_MS): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(probe, timeout);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ETXTBSY" || attempt === BUSY_ATTEMPTS) throw error;
      await delay(BUSY_PAUSE_MS);
    }
  }
}

async function run({ command, prefix, environment }: Probe, timeout: number): Promise<string> {
  const child = spawn(command, [...prefix, "--version"], {
    env: { ...environment, DISABLE_AUTOUPDATER: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    // leads its own group, so that helpers end with it
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const end = () => {
    try {
      if (process.platform !== "win32" && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      else child.kill("SIGKILL");
    } catch {
      // it has ended
    }
  };
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      if (output[name].length > MAX_OUTPUT_CHARACTERS) end();
    });
  }
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const exited = new Promise<string | undefined>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  try {
    const isInTime = await resolvesWithin(timeout, exited);
    end();
    if (!isInTime) {
      const seconds = timeout / 1000;
      throw new DescribedError(`'--version' did not end within ${seconds} s`, describe("version_late", { seconds }));
    }
    const failure = await exited;
    await resolvesWithin(OUTPUT_DELAY_MS, closed);
    if (failure === undefined || output.stdout.length > MAX_OUTPUT_CHARACTERS) return output.stdout;
    const message = printable(output.stderr.trim().split("\n")[0] ?? "");
    throw new DescribedError(
      `'--version' failed (${failure})${message && `: ${message}`}`,
      describe("version_failed", { how: failure, words: message && ` ${message}` }),
    );
  } finally {
    child.stdout.destroy();
    child.stderr.destroy();
  }
}
