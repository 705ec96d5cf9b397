import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type CliMessage, readMessages } from "../../src/claude/codec.ts";
import { claudePath } from "./claude.ts";
import { scratchHome } from "./harness.ts";

/** What one run of Claude Code printed. */
export interface Printed {
  /** The lines of its output, parsed: the result alone, unless it was asked for a stream. */
  lines: CliMessage[];
  result: CliMessage;
}

/** Claude Code as a user has it, in a home and a project of its own: a client of whatever API it is pointed at. */
export interface ClaudeCode extends AsyncDisposable {
  /** The project, which it works in. */
  cwd: string;
  /** Starts a run; nothing but the given API, a dummy key and its quiet switches is in its environment. */
  start(api: string, ...args: string[]): ChildProcess;
  /** A whole run in print mode. */
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
