import { PassThrough } from "node:stream";
import { vi } from "vitest";
import type { CliProcess } from "../../src/claude/process/cliProcess.ts";
import type { CliMessage } from "../../src/claude/protocol/codec.ts";
import { EventLoopBudget } from "../../src/shared/eventLoopBudget.ts";

/** A CLI without a process: what it got, and what it says. */
export function fakeProcess() {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const written: CliMessage[] = [];
  let exit = (_ending: string) => {};
  const process = {
    ...{ pid: 7, route: {}, stdout, stderr, budget: new EventLoopBudget(), ended: false },
    exited: new Promise<string>((resolve) => {
      exit = (ending) => {
        process.ended = true;
        resolve(ending);
      };
    }),
    write: (...pieces: string[]) => void written.push(JSON.parse(pieces.join(""))),
    kill: vi.fn(() => end("SIGKILL")),
    stop: async () => end("exit code 0"),
    release: vi.fn(),
  };
  const end = (ending: string) => {
    stdout.end();
    stderr.end();
    exit(ending);
  };
  const say = (message: object) => void stdout.write(`${JSON.stringify(message)}\n`);
  return {
    ...{ written, say, end, exit: (ending: string) => exit(ending), kill: process.kill },
    process: process as unknown as CliProcess,
    logLine: (line: string) => void stderr.write(`${line}\n`),
    /** Replies to the last request with this subtype. */
    reply(subtype: string, response: object = {}) {
      const asked = written.findLast(({ request }) => request?.subtype === subtype);
      const body = { subtype: "success", request_id: asked?.request_id, response };
      say({ type: "control_response", session_id: "s", response: body });
    },
  };
}
