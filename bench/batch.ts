import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { simple } from "../test/support/harness.ts";
import { reply, text } from "../test/support/replies.ts";
import { startServerProcess } from "../test/support/serverProcess.ts";

/** Measures a batch of this many small requests, and its effect on interactive requests. */
const REQUEST_COUNT = Number(process.argv[2] ?? 10_000);
const ROUNDS = 60;

await using server = await startServerProcess();
server.fakeApi.respond = () => reply([text("A short answer")]);

const headers = { "x-api-key": "bench", "content-type": "application/json" };
const post = (path: string, body: unknown) =>
  fetch(server.url + path, { method: "POST", headers, body: JSON.stringify(body) });

/** Returns the milliseconds until the first bytes of a streamed response. */
async function firstEvent(): Promise<number> {
  const start = performance.now();
  const response = await post("/v1/messages", simple("now", { stream: true }));
  const reader = response.body!.getReader();
  await reader.read();
  const elapsed = performance.now() - start;
  while (!(await reader.read()).done);
  return elapsed;
}

/** Returns the server's resident memory in megabytes. */
function resident(): number {
  const status = readFileSync(`/proc/${server.child.pid}/status`, "latin1");
  return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024;
}

async function measure(): Promise<{ median: number; memory: number }> {
  const times: number[] = [];
  let memory = 0;
  for (let round = 0; round < ROUNDS; round++) {
    times.push(await firstEvent());
    memory = Math.max(memory, resident());
    await delay(50);
  }
  return { median: times.toSorted((a, b) => a - b)[ROUNDS / 2]!, memory };
}

for (let i = 0; i < 10; i++) await firstEvent();
const idle = await measure();

const requests = Array.from({ length: REQUEST_COUNT }, (_, i) => ({
  custom_id: `r${i}`,
  params: simple(`question ${i}`),
}));
const batch = (await (await post("/v1/messages/batches", { requests })).json()) as { id: string };
const progress = async (): Promise<number> => {
  const { batches } = (await (await fetch(`${server.url}/health`)).json()) as { batches: { done: number }[] };
  return batches[0]?.done ?? REQUEST_COUNT;
};
while ((await progress()) < 20) await delay(100);

const start = performance.now();
const before = await progress();
const busy = await measure();
const rate = ((await progress()) - before) / ((performance.now() - start) / 1000);
console.log(`A batch of ${REQUEST_COUNT} small requests (${batch.id}), against an upstream that responds at once`);
console.log(`  first event of a message: ${idle.median.toFixed(1)} ms on an idle server, ${busy.median.toFixed(1)} ms`);
console.log(
  `  meanwhile (${(busy.median / idle.median).toFixed(2)} ×); the batch did ${rate.toFixed(1)} requests a second`,
);
console.log(`  memory of the server: ${idle.memory.toFixed(0)} MB idle, ${busy.memory.toFixed(0)} MB meanwhile`);
