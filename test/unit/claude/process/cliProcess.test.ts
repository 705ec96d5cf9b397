import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { tmpdir } from "node:os";
import { PassThrough } from "node:stream";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { CliProcess, type Spawn } from "../../../../src/claude/process/cliProcess.ts";
import { Reaper } from "../../../../src/claude/process/reaper.ts";
import { collect } from "../../../support/streams.ts";

/** Milliseconds for a step that must not be reached; the test then fails by the wrong signal. */
const LONG = 50_000;
/** For a step that cannot succeed. */
const SHORT = 20;

function launch(command: string, args: string[], environment: Record<string, string> = {}, start: Spawn = spawn) {
  // on Windows the reaper does nothing, so only its calls are checked
  const reaper = new Reaper("win32");
  const asked: string[] = [];
  vi.spyOn(reaper, "watch").mockImplementation((pid) => void asked.push(`watch ${pid}`));
  vi.spyOn(reaper, "forget").mockImplementation((pid) => void asked.push(`forget ${pid}`));
  const cli = new CliProcess({ command, args, environment, cwd: tmpdir() }, reaper, start);
  onTestFinished(() => cli.kill());
  return { cli, asked };
}

/** Starts a script and waits for its first output. */
async function start(script: string) {
  const { cli, asked } = launch("/bin/sh", ["-c", script], { PATH: process.env.PATH ?? "" });
  const output = cli.stdout[Symbol.asyncIterator]();
  const first = await output.next();
  const rest = { [Symbol.asyncIterator]: () => output };
  return { cli, asked, first: String(first.value), rest: async () => Buffer.concat(await collect(rest)).toString() };
}

describe.skipIf(process.platform === "win32")("CliProcess", () => {
  it("stops by closing stdin", async () => {
    const { cli, rest } = await start("echo ready; cat; echo bye");
    await cli.stop(LONG);
    expect(await cli.exited).toBe("exit code 0");
    expect(await rest()).toBe("bye\n");
  });

  it("stops with SIGTERM if closing stdin has no effect", async () => {
    const { cli } = await start("echo ready; exec sleep 120");
    await cli.stop(SHORT);
    expect(await cli.exited).toBe("SIGTERM");
  });

  it("stops with SIGKILL if SIGTERM has no effect", async () => {
    const { cli } = await start("trap '' TERM; echo ready; while :; do sleep 120; done");
    await cli.stop(SHORT);
    expect(await cli.exited).toBe("SIGKILL");
  });

  it.each(["stop", "kill"] as const)("ends its helpers on %s", async (how) => {
    const { cli, rest } = await start("sleep 120 & echo ready; wait");
    await (how === "stop" ? cli.stop(SHORT) : cli.kill());
    // the pipe closes when the last helper has ended
    expect(await rest()).toBe("");
  });

  it("ends at once on kill", async () => {
    const { cli } = await start("trap '' TERM; echo ready; cat; exec sleep 120");
    cli.kill();
    expect(await cli.exited).toBe("SIGKILL");
  });

  it("reports how it ended, and survives later calls", async () => {
    const { cli } = await start("echo ready; exit 3");
    expect(await cli.exited).toBe("exit code 3");
    expect(cli.ended).toBe(true);
    cli.write("too late\n");
    cli.kill();
    await cli.stop(LONG);
  });

  it("is writable until stopped", async () => {
    const { cli, first, rest } = await start("echo ready; exec cat");
    expect(first).toBe("ready\n");
    expect(cli.ended).toBe(false);
    cli.write("one\n");
    cli.write("two\n");
    const stopped = cli.stop(LONG);
    cli.write("three\n");
    await stopped;
    expect(await rest()).toBe("one\ntwo\n");
  });

  it("survives a program that has closed its stdin", async () => {
    const { cli } = await start("exec <&-; echo ready; exec sleep 120");
    cli.write("never read\n");
    await cli.stop(SHORT);
    expect(await cli.exited).toBe("SIGTERM");
  });

  it("is watched by the reaper from start to end", async () => {
    const { cli, asked } = await start("echo ready; cat");
    expect(asked).toEqual([`watch ${cli.pid}`]);
    await cli.stop(LONG);
    expect(asked).toEqual([`watch ${cli.pid}`, `forget ${cli.pid}`]);
  });

  it("passes only the given environment", async () => {
    const { cli } = launch("/usr/bin/env", [], { ONLY: "this" });
    expect(Buffer.concat(await collect(cli.stdout)).toString()).toBe("ONLY=this\n");
  });

  it("reports a program that cannot be started", async () => {
    const { cli, asked } = launch("/no/such/program", []);
    expect(await cli.exited).toContain("ENOENT");
    expect(cli.pid).toBeUndefined();
    cli.write("never read\n");
    await cli.stop(LONG);
    expect(asked).toEqual([]);
  });
});

/** A system error. */
const systemError = (code: string) => Object.assign(new Error(`spawn ${code}`), { code });

/** A fake child process; `pid` belongs to no process. */
function playedChild(pid: number | undefined, streams: object = {}) {
  const child = Object.assign(new EventEmitter(), { pid, kill: () => false, ...streams }) as unknown as ChildProcess;
  return { child, start: () => child };
}

describe("a failed start", () => {
  it("is reported when spawn throws", async () => {
    const start = () => {
      throw systemError("ENOMEM");
    };
    const { cli } = launch("claude", [], {}, start);
    await expect(cli.started).rejects.toMatchObject({ code: "ENOMEM" });
    expect(await cli.exited).toBe("spawn ENOMEM");
    expect(await collect(cli.stdout)).toEqual([]);
    cli.write("x");
    cli.kill();
    cli.release();
    await cli.stop(LONG);
  });

  it.each(["EMFILE", "EAGAIN"])("is reported when the child has no pipes, as after %s", async (code) => {
    const { child, start } = playedChild(undefined);
    const { cli } = launch("claude", [], {}, start);
    child.emit("error", systemError(code));
    await expect(cli.started).rejects.toMatchObject({ code });
    expect(await cli.exited).toBe(`spawn ${code}`);
    expect(await collect(cli.stderr)).toEqual([]);
    cli.write("x");
    await cli.stop(LONG);
  });

  it("ends nothing if only a later signal cannot be sent", async () => {
    const { child, start } = playedChild(2 ** 30);
    const { cli } = launch("claude", [], {}, start);
    child.emit("spawn");
    await cli.started;
    child.emit("error", systemError("EPERM"));
    expect(cli.ended).toBe(false);
    child.emit("exit", 1, null);
    expect(await cli.exited).toBe("exit code 1");
  });

  it.each(["stdin", "stdout", "stderr"])("survives a broken %s at any time", async (name) => {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    const { child, start } = playedChild(2 ** 30, streams);
    const { cli } = launch("claude", [], {}, start);
    child.emit("spawn");
    streams[name as "stdin"].emit("error", systemError("EIO"));
    child.emit("exit", null, "SIGKILL");
    streams[name as "stdin"].emit("error", systemError("EIO"));
    expect(await cli.exited).toBe("SIGKILL");
  });
});

describe.skipIf(process.platform === "win32")("a helper that outlives the CLI", () => {
  it("ends with it", async () => {
    const { cli, rest } = await start("sleep 120 & echo ready; exit 3");
    expect(await cli.exited).toBe("exit code 3");
    // the pipe closes when the helper has ended
    expect(await rest()).toBe("");
  });

  it("holds no pipe of a released process", async () => {
    const helper = `require("child_process").spawn("sleep", ["120"], { detached: true, stdio: ["ignore", "inherit", "ignore"] })`;
    const script = `console.log(${helper}.pid); process.exit(0)`;
    const { cli } = launch(process.execPath, ["--eval", script]);
    const output = cli.stdout[Symbol.asyncIterator]();
    const pid = Number((await output.next()).value);
    onTestFinished(() => void process.kill(pid, "SIGKILL"));
    expect(await cli.exited).toBe("exit code 0");
    cli.release();
    await expect(Promise.resolve(output.next()).catch(() => ({ done: true }))).resolves.toMatchObject({ done: true });
  });
});

describe("a process that SIGKILL does not end", () => {
  it("is given up after a time limit", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { child, start } = playedChild(2 ** 30);
    const { cli } = launch("claude", [], {}, start);
    child.emit("spawn");
    cli.kill();
    vi.advanceTimersByTime(10_000);
    expect(await cli.exited).toBe("SIGKILL did not end it");
  });
});
