import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { Quota } from "../../../src/storage/quota.ts";
import { many, openBatches } from "../../support/batches.ts";
import { until } from "../../support/harness.ts";
import { scratchDirectory } from "../../support/scratch.ts";
import { silentLogger } from "../../support/silentLogger.ts";

describe("a batch with a damaged record", () => {
  it.each([
    ["is an empty object", () => "{}"],
    ["is null", () => "null"],
    ["is empty", () => ""],
    ["belongs to another batch", (record: string) => record.replaceAll("msgbatch_", "msgbatch_0")],
    ["has invalid counts", (record: string) => record.replace('"errored": 0', '"errored": "none"')],
    ["has an invalid expiry", (record: string) => record.replace(/"expires_at": "[^"]*"/, '"expires_at": "never"')],
  ])("that %s is logged once, and stops neither the server nor other batches", async (_name, damage) => {
    const path = scratchDirectory();
    const first = await openBatches(path, () => "x");
    const [kept, damaged] = [await first.create(["a"]), await first.create(["b"])];
    for (const { id } of [kept, damaged]) await first.ended(id);
    await first.directory.close();
    const record = join(path, "batches", damaged.id, "batch.json");
    await writeFile(record, damage(await readFile(record, "utf8")));
    const error = vi.fn();
    const { batches } = await openBatches(path, () => "x", new Quota(0), { ...silentLogger, error });
    for (let n = 0; n < 2; n++) expect((await batches.list()).map(({ id }) => id)).toEqual([kept.id]);
    await expect(batches.get(damaged.id)).rejects.toMatchObject({ status: 404 });
    expect(error.mock.calls).toEqual([[expect.stringMatching(`^batches: ${damaged.id} cannot be read: `)]]);
  });
});

describe("a batch with a damaged or missing", () => {
  const line = (custom_id: string) => `${JSON.stringify({ custom_id, params: { text: custom_id } })}\n`;
  const result = (custom_id: string) => `${JSON.stringify({ custom_id, result: { type: "errored", error: {} } })}\n`;

  it.each([
    ["request", "requests.jsonl", `${line("r0")}garbage\n${line("r2")}`, ["r0", "r2"]],
    ["request that is null", "requests.jsonl", `null\n${line("r1")}`, ["r1"]],
    ["requests file", "requests.jsonl", undefined, []],
    ["result", "results.jsonl", `${result("r0")}null\n${result("r2")}`, ["r0", "r1", "r2"]],
    ["result type", "results.jsonl", `${result("r0")}{"custom_id":"r1"}\n`, ["r0", "r1", "r2"]],
  ])("%s ends with what is readable, and can be canceled and deleted", async (_name, name, content, left) => {
    for (const canceled of [false, true]) {
      const path = scratchDirectory();
      const { id } = await halted(path, canceled);
      const damaged = join(path, "batches", id, name);
      await (content === undefined ? rm(damaged) : writeFile(damaged, content));
      const error = vi.fn();
      const { batches, ended } = await openBatches(path, (text) => text, new Quota(0), { ...silentLogger, error });
      const { results, counts } = await ended(id);
      expect(Object.keys(results).sort()).toEqual(left);
      expect(counts[canceled ? "succeeded" : "canceled"]).toBe(0);
      expect(error.mock.calls.flat()).toContainEqual(
        expect.stringMatching(`^batch ${id}: ${name} .*continues without that data`),
      );
      await batches.remove(id);
      expect([await readdir(join(path, "batches")), await readdir(join(path, "drafts"))]).toEqual([[], []]);
    }
  });

  /** A batch of three requests in flight when its server ended. */
  async function halted(path: string, canceled: boolean) {
    const { create, calls, batches, directory } = await openBatches(path, (_text, signal) => {
      signal.throwIfAborted();
      return new Promise((_, fail) => signal.addEventListener("abort", fail));
    });
    const batch = await create(many(3));
    await until(() => calls.length === 3);
    if (canceled) await batches.cancel(batch.id);
    await directory.close();
    return batch;
  }
});
