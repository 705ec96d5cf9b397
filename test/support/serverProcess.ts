import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { claudePath } from "./claude.ts";
import { FakeApi } from "./fakeApi.ts";
import { cliEnvironment, scratchHome } from "./harness.ts";

/** The headless server as a process, as a user starts it. */
export interface ServerProcess extends AsyncDisposable {
  child: ChildProcess;
  url: string;
  home: string;
  fakeApi: FakeApi;
  output: { stdout: string; stderr: string };
  post(body: unknown): Promise<Response>;
}

export const cliScript = join(import.meta.dirname, "../../dist/cli.js");

/** As an argument, enables the check of the CLI. */
export const WITH_SELF_CHECK = "self-check";

export async function startServerProcess(
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
  node = process.execPath,
  cwd = process.cwd(),
): Promise<ServerProcess> {
  const scratch = await scratchHome();
  const fakeApi = await FakeApi.start();
  const all = [cliScript, "--port", "0", "--claude", claudePath(), "--data-dir", join(scratch.home, "data")];
  // checking the CLI and spare workers would only cost time
  if (!args.includes(WITH_SELF_CHECK)) all.push("--no-self-check");
  all.push("--warm", "0", ...args.filter((arg) => arg !== WITH_SELF_CHECK));
  const child = spawn(node, all, { cwd, env: { ...cliEnvironment(scratch.home, fakeApi), ...env } });
  const output = { stdout: "", stderr: "" };
  child.stderr.on("data", (chunk) => {
    output.stderr += chunk;
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      output.stdout += chunk;
      const line = /^Listening on (http:\S+)$/m.exec(output.stdout);
      if (line) resolve(line[1] as string);
    });
    child.once("exit", () => reject(new Error(output.stderr)));
  });
  return {
    child,
    url,
    home: scratch.home,
    fakeApi,
    output,
    post: (body) =>
      fetch(`${url}/v1/messages`, {
        method: "POST",
        headers: { "x-api-key": "any-key", "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await fakeApi.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** Process ids of the CLIs with this home, zombies excluded (Linux). */
export function workersOf(home: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        const inHome = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`HOME=${home}`);
        return inHome && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("stream-json") && !isZombie(pid);
      } catch {
        return false;
      }
    });
}

function isZombie(pid: number): boolean {
  return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
}
