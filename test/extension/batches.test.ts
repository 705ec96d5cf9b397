import { mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as vscode from "vscode";
import { openResults } from "../../src/extension/commands/batches.ts";
import type { Parts } from "../../src/extension/commands/register.ts";
import { scratchHome } from "../support/harness.ts";
import { deferred } from "../support/replies.ts";
import { aBatch } from "../support/resources.ts";

afterEach(() => vi.restoreAllMocks());

/** More than the buffer of a file stream. */
const MUCH = Buffer.alloc(1_000_000, "x");

/** A fetch of results that has begun to write, and ends on demand. */
function fetchOf(last: string) {
  const [begun, ending] = [deferred(), deferred()];
  async function* results() {
    yield MUCH;
    begun.resolve();
    await ending.promise;
    yield Buffer.from(last);
  }
  return { results, begun: begun.promise, end: () => ending.resolve() };
}

/** The command's parts, with the results of each fetch. */
function scene(dataDir: string, fetches: ReturnType<typeof fetchOf>[]) {
  const batch = aBatch();
  const client = { batchResults: async () => fetches.shift()?.results() };
  const parts = {
    serverClient: { client: async () => client },
    settings: { dataDir },
    views: { batches: { list: { entryOf: () => batch } } },
  } as unknown as Parts;
  return { parts, path: join(dataDir, "results", `${batch.id}.jsonl`) };
}

describe("the results of a batch", () => {
  it("can be opened by two calls at a time, complete for each", async () => {
    await using scratch = await scratchHome();
    const promise = vi.spyOn(vscode.commands, "executeCommand");
    const [first, second] = [fetchOf("first"), fetchOf("second")];
    const { parts, path } = scene(scratch.home, [first, second]);
    const opening = [openResults(parts, undefined), openResults(parts, undefined)];
    const settled = Promise.allSettled(opening);
    await Promise.all([first.begun, second.begun]);
    first.end();
    await opening[0];
    expect(await readFile(path, "utf8")).toBe(`${MUCH}first`);
    second.end();
    expect(await settled).toEqual(Array(2).fill({ status: "fulfilled", value: undefined }));
    expect(await readFile(path, "utf8")).toBe(`${MUCH}second`);
    expect(await readdir(join(scratch.home, "results"))).toHaveLength(1);
    expect(promise).toHaveBeenCalledTimes(2);
  });

  it("are opened although an old file has disappeared since it was listed", async () => {
    await using scratch = await scratchHome();
    const fetched = fetchOf("all");
    fetched.end();
    const { parts, path } = scene(scratch.home, [fetched]);
    await mkdir(join(scratch.home, "results"));
    // listed but missing, like a file that another call has renamed
    await symlink("gone", join(scratch.home, "results", "other.jsonl.part"));
    await openResults(parts, undefined);
    expect(await readFile(path, "utf8")).toBe(`${MUCH}all`);
  });
});
