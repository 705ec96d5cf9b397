import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageExtension } from "../support/editor/vsix.ts";
import { scratchHome } from "../support/harness.ts";

const KB = 1024;
const MB = 1024 * KB;

it("packages a small extension and the core, without unneeded files", async () => {
  await using scratch = await scratchHome();
  const vsix = await packageExtension(scratch.home);
  expect(statSync(vsix).size).toBeLessThan(2 * MB);
  const dist = join(scratch.home, "package", "dist");
  expect(statSync(join(dist, "extension.js")).size).toBeLessThan(100 * KB);
  expect(statSync(join(dist, "server.js")).size).toBeLessThan(2.5 * MB);
  // without the tokenizer's table, which is loaded on demand
  expect(readdirSync(dist).toSorted()).toEqual([
    "ThirdPartyNotices.txt",
    "cli.js",
    "client.d.ts",
    "client.js",
    "extension.js",
    "readerThreadEntry.js",
    "server.js",
    "tokenizer.js",
  ]);
});
