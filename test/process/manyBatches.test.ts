import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { newId } from "../../src/api/ids.ts";
import { zeroCounts } from "../../src/batches/record.ts";
import { BatchCalls } from "../support/batchCalls.ts";
import { FULL } from "../support/full.ts";
import { health, scratchHome, simple, until } from "../support/harness.ts";
import { place, scratchDirectory } from "../support/scratch.ts";
import { startServerProcess } from "../support/serverProcess.ts";

const BATCHES = FULL ? 3000 : 300;
/** The server's limit of file handles. Its libraries, pipes and connections take about forty. */
const HANDLES = 100;

/** Stores a batch of a server that was killed before any answer. */
function leaveBatch(data: string, time: number): string {
  const id = newId("msgbatch", time);
  const directory = join(data, "batches", id);
  mkdirSync(directory, { recursive: true });
  const record = {
    ...{ id, processing_status: "in_progress", ended_at: null, cancel_initiated_at: null, archived_at: null },
    created_at: new Date(time).toISOString(),
    expires_at: new Date(time + 24 * 3600_000).toISOString(),
    ...{ total: 1, counts: zeroCounts(), api_version: "2023-06-01", betas: [] },
  };
  writeFileSync(join(directory, "batch.json"), JSON.stringify(record));
  writeFileSync(join(directory, "requests.jsonl"), `${JSON.stringify({ custom_id: "r0", params: simple() })}\n`);
  return id;
}

it.runIf(process.platform === "linux")("starts with many unfinished batches and few file handles", async () => {
  await using scratch = await scratchHome();
  const data = join(scratch.home, "data");
  const now = Date.now();
  const ids = Array.from({ length: BATCHES }, (_, n) => leaveBatch(data, now - BATCHES + n));
  const limit = `#!/bin/sh\nulimit -n ${HANDLES}\nexec '${process.execPath}' "$@"\n`;
  const node = place(join(scratchDirectory(), "node"), limit);
  // a missing CLI holds all batches back
  const args = ["--data-dir", data, "--claude", join(scratch.home, "no-claude"), "--warm", "0"];
  for (let start = 1; start <= 2; start++) {
    await using server = await startServerProcess(args, {}, node);
    const paused = async () => {
      const { batches } = await health(server);
      return (
        batches.length === BATCHES - start + 1 && batches.every((batch: { paused: unknown }) => batch.paused !== null)
      );
    };
    await until(paused);
    expect(readdirSync(`/proc/${server.child.pid}/fd`).length).toBeLessThan(60);
    const batches = new BatchCalls(server);
    const last = ids.at(-start) as string;
    await batches.cancel(last);
    expect((await batches.ended(last)).request_counts).toMatchObject({ canceled: 1 });
    server.child.kill("SIGTERM");
    await once(server.child, "exit");
    expect(server.output.stderr).not.toMatch(/EMFILE|\[error\]/);
  }
});
