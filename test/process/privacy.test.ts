import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BatchCalls, items } from "../support/batchCalls.ts";
import { simple, until } from "../support/harness.ts";
import { modesIn } from "../support/modes.ts";
import { place, scratchDirectory } from "../support/scratch.ts";
import { startServerProcess } from "../support/serverProcess.ts";

it.runIf(process.platform !== "win32")("protects all stored files from other users under a umask of 0", async () => {
  const node = place(join(scratchDirectory(), "node"), `#!/bin/sh\numask 0\nexec '${process.execPath}' "$@"\n`);
  await using server = await startServerProcess([], {}, node);
  const form = new FormData();
  form.append("file", new Blob(["secret"]), "a.txt");
  const init = { method: "POST", headers: { "x-api-key": "any-key" }, body: form };
  expect((await fetch(`${server.url}/v1/files`, init)).status).toBe(200);
  expect((await server.post(simple())).status).toBe(200);
  const { id } = await new BatchCalls(server).create(items(2));
  const data = join(server.home, "data");
  const names = [`usage/${new Date().toISOString().slice(0, 10)}.json`, `batches/${id}/results.jsonl`];
  await until(() => names.every((name) => existsSync(join(data, name))));
  expect(existsSync(join(data, "rewrite/hooks/register.js"))).toBe(true);
  expect(modesIn(data)).toEqual({ directories: [0o700], files: [0o600] });
});
