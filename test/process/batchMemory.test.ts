import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { BatchCalls, items } from "../support/batchCalls.ts";
import { FULL, itThorough, QUICK } from "../support/full.ts";
import { simple } from "../support/harness.ts";
import { type ServerProcess, startServerProcess } from "../support/serverProcess.ts";

const SMALL = FULL ? 10_000 : QUICK ? 10 : 30;
const LARGE = FULL ? 1000 : 600;
const KILOBYTES = 250;

/** Resident megabytes of the server without its workers: now, or the peak since `forgetPeak`. */
function resident({ child }: ServerProcess, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
  return Number(new RegExp(`${field}:\\s*(\\d+)`).exec(status)?.[1]) / 1024;
}

function forgetPeak({ child }: ServerProcess): void {
  writeFileSync(`/proc/${child.pid}/clear_refs`, "5");
}

/** A warm server, and its size at rest. */
async function atRest() {
  const server = await startServerProcess(["--max-concurrent", "4"]);
  for (let n = 0; n < (QUICK ? 3 : 10); n++) await (await server.post(simple())).text();
  const idle = resident(server, "VmRSS");
  forgetPeak(server);
  const grown = () => Math.round(resident(server, "VmHWM") - idle);
  return { server, batches: new BatchCalls(server), grown };
}

/** A body with large requests, sent as fast as the server reads it. */
async function sendLarge(url: string, count: number, text: string): Promise<{ id: string }> {
  const large = JSON.stringify(simple(text));
  function* body() {
    for (let n = 0; n < count; n++) {
      yield n === 0 ? '{"requests":[' : ",";
      yield `{"custom_id":"large-${n}","params":`;
      yield large;
      yield "}";
    }
    yield "]}";
  }
  const headers = { "x-api-key": "any-key", "content-type": "application/json" };
  const outgoing = request(`${url}/v1/messages/batches`, { method: "POST", headers, agent: false });
  const answered = new Promise<{ id: string }>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve(JSON.parse(Buffer.concat(chunks).toString()));
    });
  });
  await pipeline(Readable.from(body()), outgoing);
  return answered;
}

describe.skipIf(process.platform !== "linux")("the server's memory", () => {
  it(`hardly grows with a batch of ${SMALL} requests, from acceptance to the last result`, {
    timeout: 120 * 60_000,
  }, async () => {
    const { server, batches, grown } = await atRest();
    await using _ = server;
    const { id } = await batches.create(items(SMALL));
    await batches.ended(id);
    const { body } = await batches.call(`/${id}/results`);
    let newlines = 0;
    for await (const chunk of body!) newlines += Buffer.from(chunk).filter((byte) => byte === 0x0a).length;
    expect(newlines).toBe(SMALL);
    expect(grown()).toBeLessThan(80);
  });

  const size = (LARGE * KILOBYTES) / 1000;
  itThorough(
    `does not hold the ${size} MB of a batch`,
    {
      timeout: 600_000,
    },
    async () => {
      const { server, batches, grown } = await atRest();
      await using _ = server;
      const { id } = await sendLarge(server.url, LARGE, "x".repeat(KILOBYTES * 1024));
      expect(grown()).toBeLessThan(size);
      await batches.cancel(id);
      await batches.ended(id);
    },
  );

  itThorough("holds a single request of 24 MB a few times at most", { timeout: 600_000 }, async () => {
    const { server, batches, grown } = await atRest();
    await using _ = server;
    // each escape is a separate token to a collecting parser
    const { id } = await sendLarge(server.url, 1, "\n".repeat(12_000_000));
    expect(grown()).toBeLessThan(8 * 24);
    await batches.cancel(id);
    await batches.ended(id);
  });
});
