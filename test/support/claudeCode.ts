import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type CliMessage, readMessages } from "../../src/claude/protocol/codec.ts";
import { claudePath } from "./claude.ts";
import { scratchHome } from "./harness.ts";

/** Output of one run of Claude Code. */
interface Printed {
  /** The parsed output lines: only the result, unless a stream was requested. */
  lines: CliMessage[];
  result: CliMessage;
}

/** Claude Code in a home and project of its own, as a client of any API. */
export interface ClaudeCode extends AsyncDisposable {
  /** Its project directory. */
  cwd: string;
  /** Starts a run whose environment has only the given API, a dummy key and switches against background traffic. */
  start(api: string, ...args: string[]): ChildProcess;
  /** A complete run in print mode. */
  print(api: string, ...args: string[]): Promise<Printed>;
}

/** @param more variables of its environment besides those that every run has */
export async function claudeCode(more: Record<string, string> = {}): Promise<ClaudeCode> {
  const scratch = await scratchHome();
  const cwd = join(scratch.home, "project");
  await mkdir(cwd);
  const running = new Set<ChildProcess>();
  const start = (api: string, ...args: string[]) => {
    const env = {
      PATH: process.env.PATH,
      HOME: scratch.home,
      ANTHROPIC_BASE_URL: api,
      ANTHROPIC_API_KEY: "sk-local-key",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      CLAUDE_CODE_MAX_RETRIES: "0",
      ...more,
    };
    const child = spawn(claudePath(), ["-p", ...args], { cwd, env, stdio: ["ignore", "pipe", "ignore"] });
    running.add(child);
    child.on("exit", () => running.delete(child));
    return child;
  };
  return {
    cwd,
    start,
    async print(api, ...args) {
      const child = start(api, ...args);
      const lines: CliMessage[] = [];
      await readMessages(child.stdout as Readable, { onMessage: (line) => void lines.push(line), onStrayLine() {} });
      return { lines, result: lines.find(({ type }) => type === "result") as CliMessage };
    },
    async [Symbol.asyncDispose]() {
      for (const child of running) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await scratch[Symbol.asyncDispose]();
    },
  };
}
