import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { printedVersion } from "../../../../src/claude/locate/versionProbe.ts";
import { until } from "../../../support/harness.ts";
import { place, scratchDirectory } from "../../../support/scratch.ts";

const probe = (script: string, timeout?: number) => {
  const command = place(join(scratchDirectory(), "claude"), `#!/bin/sh\n${script}\n`);
  return printedVersion({ command, prefix: [], environment: { PATH: process.env.PATH } }, timeout);
};

describe.skipIf(process.platform === "win32")("a program that is asked for its version", () => {
  it("is killed with its helpers if it hangs", async () => {
    const pid = join(scratchDirectory(), "pid");
    const hung = probe(`trap '' TERM\nsleep 1000 & echo $! > '${pid}.new'; mv '${pid}.new' '${pid}'\nwait`, 2000);
    await expect(hung).rejects.toThrow("'--version' did not end within 2 s");
    expect(existsSync(pid)).toBe(true);
    const helper = Number(readFileSync(pid, "utf8"));
    await until(() => !isRunning(helper));
  });

  it.skipIf(process.platform !== "linux")("is not held up by a helper that keeps its output open", async () => {
    expect(await probe("setsid sleep 3 & echo '2.1.330 (Claude Code)'")).toBe("2.1.330 (Claude Code)\n");
  });

  it("is killed if it prints without end", async () => {
    expect((await probe("yes")).startsWith("y\ny\n")).toBe(true);
  });

  it("has an empty stdin", async () => {
    expect(await probe("cat; echo done")).toBe("done\n");
  });

  it("is asked again while it is being written", async () => {
    const command = place(join(scratchDirectory(), "claude"), "#!/bin/sh\necho done\n");
    const written = openSync(command, "r+");
    const printed = printedVersion({ command, prefix: [], environment: {} });
    closeSync(written);
    expect(await printed).toBe("done\n");
  });

  it("is quoted in one printable line if it fails", async () => {
    await expect(probe("printf 'wr\\033ong\\nmore' >&2; exit 4")).rejects.toThrow(
      "'--version' failed (exit code 4): wr\\u001bong",
    );
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
