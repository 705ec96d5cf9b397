import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { Reaper } from "../../../src/claude/reaper.ts";
import { collect } from "../support/streams.ts";

const root = join(import.meta.dirname, "../../..");

/** A program in a process group of its own, and the signal that ends it. */
function sleeper() {
  const child = spawn("sleep", ["120"], { detached: true, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([, signal]) => signal as NodeJS.Signals | null);
  return { pid: child.pid!, child, ended };
}

describe.skipIf(process.platform === "win32")("Reaper", () => {
  it("kills what is still watched when it is closed", async () => {
    const reaper = new Reaper();
    const sleepers = [sleeper(), sleeper(), sleeper()];
    for (const { pid } of sleepers) reaper.watch(pid);
    reaper.close();
    expect(await Promise.all(sleepers.map(({ ended }) => ended))).toEqual(["SIGKILL", "SIGKILL", "SIGKILL"]);
  });

  it.each([0, 1, 2])("spares what was forgotten, be it number %i of three", async (index) => {
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
    // the pipe closes once the last program that holds it is gone
    expect((await output.next()).done).toBe(true);
  });

  it("outlives a program that is killed, and kills what that had running", async () => {
    const source = `
      import { spawn } from "node:child_process";
      import { Reaper } from ${JSON.stringify(pathToFileURL(join(root, "src/claude/reaper.ts")).href)};
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
});
