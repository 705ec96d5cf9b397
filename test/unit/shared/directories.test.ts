import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeDirectories, whyUnusable } from "../../../src/shared/directories.ts";
import { place, scratchDirectory } from "../../support/scratch.ts";

describe("makeDirectories", () => {
  it("creates a directory and its parents, even concurrently", async () => {
    const path = join(scratchDirectory(), "a", "b", "c");
    await Promise.all([1, 2, 3].map(() => makeDirectories(path, 0o700)));
    await makeDirectories(path, 0o700);
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
  });

  it.each([
    ["a parent is a file", (file: string) => join(file, "below")],
    ["a file has that name", (file: string) => file],
  ])("fails where %s", async (_where, path) => {
    const file = place(join(scratchDirectory(), "file"), "");
    const error = await makeDirectories(path(file), 0o700).catch((failure: unknown) => failure);
    expect(whyUnusable(error)).toBe("which is not a directory");
  });

  it.runIf(process.platform === "linux")("fails on a file system that allows no directories", async () => {
    const error = await makeDirectories("/proc/none/below", 0o700).catch((failure: unknown) => failure);
    expect(whyUnusable(error)).toBe("which does not exist and cannot be created");
  });
});
