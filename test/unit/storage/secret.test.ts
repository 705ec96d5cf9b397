import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Secret } from "../../../src/storage/secret.ts";
import { scratchHome } from "../../support/harness.ts";

async function directory(): Promise<string> {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  return join(scratch.home, "data");
}

describe("the secret of a data directory", () => {
  it("is created once, readable by its user only, without a leftover draft", async () => {
    const dataDir = await directory();
    const secret = await new Secret(dataDir).read();
    expect(secret).toHaveLength(32);
    expect(await new Secret(dataDir).read()).toEqual(secret);
    expect((await stat(join(dataDir, "secret"))).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(["secret"]);
    expect(await new Secret(await directory()).read()).not.toEqual(secret);
  });

  it("is the same for all concurrent creators from their next use on", async () => {
    const dataDir = await directory();
    const all = Array.from({ length: 20 }, () => new Secret(dataDir));
    await Promise.all(all.map((one) => one.read()));
    const secrets = await Promise.all(all.map((one) => one.read()));
    expect(new Set(secrets.map((secret) => secret.toString("hex"))).size).toBe(1);
  });

  it.each(["", "half", "z".repeat(64)])("replaces an invalid one: %j", async (content) => {
    const dataDir = await directory();
    await mkdir(dataDir);
    await writeFile(join(dataDir, "secret"), content, { mode: 0o600 });
    const secret = await new Secret(dataDir).read();
    expect(await readFile(join(dataDir, "secret"), "utf8")).toBe(`${secret.toString("hex")}\n`);
  });

  it("replaces one that others could read, once", async () => {
    const dataDir = await directory();
    const path = join(dataDir, "secret");
    const first = await new Secret(dataDir).read();
    await chmod(path, 0o644);
    const second = new Secret(dataDir);
    const replaced = await second.read();
    expect(replaced).not.toEqual(first);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    // as on a file system without modes
    await chmod(path, 0o644);
    expect(await second.read()).toEqual(replaced);
  });

  it("says why it cannot be created", async () => {
    const dataDir = await directory();
    await writeFile(dataDir, "a file in its place");
    await expect(new Secret(dataDir).read()).rejects.toThrow();
  });
});
