import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Reaper } from "../../../../src/claude/process/reaper.ts";
import { collect } from "../../../support/streams.ts";

const root = join(import.meta.dirname, "../../../..");

/** A program that leads its own process group, and the signal that ended it. */
function sleeper() {
  const child = spawn("sleep", ["120"], { detached: true, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([, signal]) => signal as NodeJS.Signals | null);
  return { pid: child.pid!, child, ended };
}

describe.skipIf(process.platform === "win32")("Reaper", () => {
  it("kills what it still watches when closed", async () => {
    const reaper = new Reaper();
    const sleepers = [sleeper(), sleeper(), sleeper()];
    for (const { pid } of sleepers) reaper.watch(pid);
    reaper.close();
    expect(await Promise.all(sleepers.map(({ ended }) => ended))).toEqual(["SIGKILL", "SIGKILL", "SIGKILL"]);
  });

  it.each([0, 1, 2])("spares a forgotten process, number %i of three", async (index) => {
    const reaper = new Reaper();
    const sleepers = [sleeper(), sleeper(), sleeper()];
    for (const { pid } of sleepers) reaper.watch(pid);
    const [spared] = sleepers.splice(index, 1);
    reaper.forget(spared!.pid);
    const last = sleeper();
    reaper.watch(last.pid);
    reaper.close();
    expect(await Promise.all([...sleepers, last].map(({ ended }) => ended))).toEqual(["SIGKILL", "SIGKILL", "SIGKILL"]);
    spared!.child.kill("SIGTERM");
    expect(await spared!.ended).toBe("SIGTERM");
  });

  it("kills the whole process group", async () => {
    const reaper = new Reaper();
    const child = spawn("/bin/sh", ["-c", "sleep 120 & echo ready; wait"], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const output = child.stdout[Symbol.asyncIterator]();
    await output.next();
    reaper.watch(child.pid!);
    reaper.close();
    // the pipe closes when the last program has ended
    expect((await output.next()).done).toBe(true);
  });

  it("outlives a killed program, and kills that program's processes", async () => {
    const source = `
      import { spawn } from "node:child_process";
      import { Reaper } from ${JSON.stringify(pathToFileURL(join(root, "src/claude/process/reaper.ts")).href)};
      const child = spawn("sleep", ["120"], { detached: true, stdio: ["ignore", "inherit", "ignore"] });
      new Reaper().watch(child.pid);
      process.stdout.write("ready");
      setInterval(() => {}, 60_000);`;
    const node = join(root, "node_modules/.bin/node");
    const owner = spawn(node, ["--input-type=module", "--eval", source], { stdio: ["ignore", "pipe", "ignore"] });
    const output = owner.stdout[Symbol.asyncIterator]();
    expect(String((await output.next()).value)).toBe("ready");
    owner.kill("SIGKILL");
    expect(await collect({ [Symbol.asyncIterator]: () => output })).toEqual([]);
  });

  it("is restarted when killed, with its list", async () => {
    const reaper = new Reaper();
    onTestFinished(() => reaper.close());
    const [first, forgotten, second] = [sleeper(), sleeper(), sleeper()];
    reaper.watch(first.pid);
    reaper.watch(forgotten.pid);
    reaper.forget(forgotten.pid);
    const killed = reaper.pid!;
    process.kill(killed, "SIGKILL");
    await expect.poll(() => reaper.pid !== undefined && reaper.pid !== killed, { timeout: 10_000 }).toBe(true);
    reaper.watch(second.pid);
    reaper.close();
    expect(await Promise.all([first.ended, second.ended])).toEqual(["SIGKILL", "SIGKILL"]);
    expect(forgotten.child.exitCode ?? forgotten.child.signalCode).toBeNull();
  });

  it("is not restarted in a loop if it cannot run", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const shells: EventEmitter[] = [];
    const start = () => {
      const shell = Object.assign(new EventEmitter(), { unref: () => {} });
      shells.push(shell);
      return shell as unknown as ChildProcess;
    };
    const reaper = new Reaper("linux", start);
    onTestFinished(() => reaper.close());
    for (let second = 0; second < 10; second++) {
      for (let deaths = 0; deaths < 5; deaths++) shells.at(-1)!.emit("exit", 1, null);
      reaper.watch(second);
      vi.advanceTimersByTime(1000);
    }
    expect(shells).toHaveLength(11);
  });

  it("survives failing to start, and tries again", () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    let starts = 0;
    const reaper = new Reaper("linux", () => {
      starts += 1;
      throw new Error("spawn ENOMEM");
    });
    reaper.watch(1);
    reaper.forget(1);
    vi.advanceTimersByTime(1000);
    reaper.close();
    expect(starts).toBeGreaterThan(1);
  });
});
