import { tmpdir } from "node:os";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { CliProcess } from "../../../src/claude/cliProcess.ts";
import { Reaper } from "../../../src/claude/reaper.ts";
import { collect } from "../support/streams.ts";

/** Milliseconds for a step that must not be needed; so long that a test that needs it fails by its signal. */
const LONG = 50_000;
/** For a step that cannot succeed. */
const SHORT = 20;

function launch(command: string, args: string[], environment: Record<string, string> = {}) {
  // for Windows a reaper does nothing, so that only what is asked of it counts here
  const reaper = new Reaper("win32");
  const asked: string[] = [];
  vi.spyOn(reaper, "watch").mockImplementation((pid) => void asked.push(`watch ${pid}`));
  vi.spyOn(reaper, "forget").mockImplementation((pid) => void asked.push(`forget ${pid}`));
  const cli = new CliProcess({ command, args, environment, cwd: tmpdir() }, reaper);
  onTestFinished(() => cli.kill());
  return { cli, asked };
}

/** Starts a script, and waits for the first thing it says. */
async function start(script: string) {
  const { cli, asked } = launch("/bin/sh", ["-c", script], { PATH: process.env.PATH ?? "" });
  const output = cli.stdout[Symbol.asyncIterator]();
  const first = await output.next();
  const rest = { [Symbol.asyncIterator]: () => output };
  return { cli, asked, first: String(first.value), rest: async () => Buffer.concat(await collect(rest)).toString() };
}

describe.skipIf(process.platform === "win32")("CliProcess", () => {
  it("is stopped by closing its stdin", async () => {
    const { cli, rest } = await start("echo ready; cat; echo bye");
    await cli.stop(LONG);
    expect(await cli.exited).toBe("exit code 0");
    expect(await rest()).toBe("bye\n");
  });

  it("is stopped with SIGTERM when it does not heed its stdin", async () => {
    const { cli } = await start("echo ready; exec sleep 120");
    await cli.stop(SHORT);
    expect(await cli.exited).toBe("SIGTERM");
  });

  it("is stopped with SIGKILL when it does not heed SIGTERM either", async () => {
    const { cli } = await start("trap '' TERM; echo ready; while :; do sleep 120; done");
    await cli.stop(SHORT);
    expect(await cli.exited).toBe("SIGKILL");
  });

  it.each(["stop", "kill"] as const)("takes the helpers it started along at %s", async (how) => {
    const { cli, rest } = await start("sleep 120 & echo ready; wait");
    await (how === "stop" ? cli.stop(SHORT) : cli.kill());
    // the pipe closes once the last helper that holds it is gone
    expect(await rest()).toBe("");
  });

  it("is killed at once by kill", async () => {
    const { cli } = await start("trap '' TERM; echo ready; cat; exec sleep 120");
    cli.kill();
    expect(await cli.exited).toBe("SIGKILL");
  });

  it("tells how it ended, and takes no harm from what comes later", async () => {
    const { cli } = await start("echo ready; exit 3");
    expect(await cli.exited).toBe("exit code 3");
    expect(cli.ended).toBe(true);
    cli.write("too late\n");
    cli.kill();
    await cli.stop(LONG);
  });

  it("is writable until it is stopped", async () => {
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

  it("takes no harm from a program that has closed its stdin", async () => {
    const { cli } = await start("exec <&-; echo ready; exec sleep 120");
    cli.write("nobody reads this\n");
    await cli.stop(SHORT);
    expect(await cli.exited).toBe("SIGTERM");
  });

  it("is watched by the reaper from its start to its end", async () => {
    const { cli, asked } = await start("echo ready; cat");
    expect(asked).toEqual([`watch ${cli.pid}`]);
    await cli.stop(LONG);
    expect(asked).toEqual([`watch ${cli.pid}`, `forget ${cli.pid}`]);
  });

  it("gets the environment it is given and nothing else", async () => {
    const { cli } = launch("/usr/bin/env", [], { ONLY: "this" });
    expect(Buffer.concat(await collect(cli.stdout)).toString()).toBe("ONLY=this\n");
  });

  it("tells of a program that cannot be started", async () => {
    const { cli, asked } = launch("/no/such/program", []);
    expect(await cli.exited).toContain("ENOENT");
    expect(cli.pid).toBeUndefined();
    cli.write("nobody reads this\n");
    await cli.stop(LONG);
    expect(asked).toEqual([]);
  });
});
