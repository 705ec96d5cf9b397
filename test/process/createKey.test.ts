import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchHome } from "../support/harness.ts";
import { runCli } from "../support/runCli.ts";

it("creates a key that only this user can read, and never replaces one", async () => {
  await using scratch = await scratchHome();
  const path = join(scratch.home, "data", "api-key");
  const create = () => runCli(["create-key", "--data-dir", join(scratch.home, "data")]);
  const { code, stdout } = await create();
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`\n  node \\S*cli\\.js --api-key-file '${path}'\n`));
  const key = await readFile(path, "utf8");
  expect(key).toMatch(/^cva-[0-9a-f-]{36}\n$/);
  expect(stdout).not.toContain(key.trim());
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(scratch.home, "data"))).mode & 0o777).toBe(0o700);

  const again = await create();
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("already exists");
  expect(await readFile(path, "utf8")).toBe(key);
});

it("creates it at --api-key-file, without changing the directory", async () => {
  await using scratch = await scratchHome();
  const path = join(scratch.home, "key");
  const { mode } = await stat(scratch.home);
  expect((await runCli(["create-key", "--api-key-file", path])).code).toBe(0);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(scratch.home)).mode).toBe(mode);
  const missing = await runCli(["create-key", "--api-key-file", join(scratch.home, "missing", "key")]);
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("ENOENT")]);
});
