import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { constants, getPriority } from "node:os";
import { describe, expect, it, onTestFinished } from "vitest";
import { lowerPriority } from "../../../../src/claude/process/priority.ts";

function sleeper(): number {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { detached: true });
  onTestFinished(async () => {
    child.stdin.end();
    if (child.exitCode === null) await once(child, "exit");
  });
  return child.pid!;
}

describe("a low-priority process", () => {
  it("has a low priority", async () => {
    const pid = sleeper();
    await lowerPriority(pid);
    expect(getPriority(pid)).toBe(constants.priority.PRIORITY_BELOW_NORMAL);
  });

  it.skipIf(!existsSync("/proc/self/autogroup"))("so has its session, also when many start at once", async () => {
    const pids = Array.from({ length: 4 }, sleeper);
    await Promise.all(pids.map(lowerPriority));
    for (const pid of pids) expect(readFileSync(`/proc/${pid}/autogroup`, "utf8")).toMatch(/ nice 10\n$/);
  });

  it("may have ended already", async () => {
    const child = spawn(process.execPath, ["-e", ""], { detached: true });
    await once(child, "exit");
    await expect(lowerPriority(child.pid!)).resolves.toBeUndefined();
  });
});
