import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { homeProblem, temporaryDirectory } from "../../../../src/claude/process/directories.ts";
import { place, scratchDirectory } from "../../../support/scratch.ts";

describe("the temporary directory", () => {
  it.each([
    ["TMPDIR", "linux"],
    ["TMP", "linux"],
    ["TEMP", "win32"],
  ] as const)("of %s on %s is created if missing", async (name, platform) => {
    const path = join(scratchDirectory(), "a", "b");
    expect(await temporaryDirectory({ [name]: path }, platform)).toBe(path);
    expect(existsSync(path)).toBe(true);
  });

  it("that is unusable is reported with its variable", async () => {
    const file = place(join(scratchDirectory(), "file"), "");
    for (const path of [file, join(file, "below")]) {
      const message = `Claude Code could not be started: TMPDIR is '${path}', which is not a directory. Set TMPDIR to a directory that this user may write to.`;
      await expect(temporaryDirectory({ TMPDIR: path }, "linux")).rejects.toMatchObject({ message });
    }
  });
});

describe("the home directory", () => {
  it("is reported if it does not exist or is not a directory", async () => {
    const directory = scratchDirectory();
    const file = place(join(directory, "file"), "");
    expect(await homeProblem({ HOME: directory }, "linux")).toBeUndefined();
    expect(await homeProblem({}, "linux")).toBeUndefined();
    const none = join(directory, "none");
    expect((await homeProblem({ HOME: none }, "linux"))?.text).toContain(`HOME is '${none}', which does not exist`);
    expect((await homeProblem({ HOME: file }, "linux"))?.text).toContain("which is not a directory");
    expect((await homeProblem({ USERPROFILE: none }, "win32"))?.text).toContain("USERPROFILE is");
  });
});
