import { readFileSync } from "node:fs";
import { simple } from "../test/support/harness.ts";
import { reply, text } from "../test/support/replies.ts";
import { type ServerProcess, startServerProcess, workersOf } from "../test/support/serverProcess.ts";
import { cpuOf, median } from "./support/cpu.ts";

/**
 * Measures workers for alternating system prompts and for concurrent requests, and the cost of wear: time, CPU and
 * memory of the first requests against later ones (Linux, needs a build). `node bench/wear.ts 2000` sends 2000
 * requests, 300 by default.
 */
const REQUEST_COUNT = Number(process.argv[2] ?? 300);
const PROMPT_COUNT = 50;
const CONCURRENCY = 8;
const WARM_UPS = 10;
/** Each row is the median of this many requests. */
const REQUESTS_PER_ROW = 50;

const megabytes = (pid: number) =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024;
/** Workers that the server has started so far, by its log. */
const startedBy = ({ output }: ServerProcess) => output.stderr.match(/worker \d+ started/g)?.length ?? 0;

{
  await using server = await startServerProcess(["--warm", "1"]);
  server.fakeApi.respond = () => reply([text("A short answer")]);
  const ask = async (system: string) => (await server.post(simple("Go", { system }))).text();
  for (let prompt = 0; prompt < PROMPT_COUNT; prompt++) await ask(`Prompt ${prompt}`);
  console.log(
    `${PROMPT_COUNT} alternating system prompts: ${workersOf(server.home).length} workers, one of them spare`,
  );
  await Promise.all(Array.from({ length: CONCURRENCY }, (_, prompt) => ask(`Other ${prompt}`)));
  console.log(`then ${CONCURRENCY} concurrent requests: ${startedBy(server)} workers started in total`);
}

await using server = await startServerProcess(["--warm", "1"]);
server.fakeApi.respond = () => reply([text("A short answer")]);
const own = server.child.pid as number;
const samples: { time: number; cpu: number }[] = [];
console.log(`${"requests".padEnd(12)} median ms  CPU ms (ours)  MB (ours)  MB (workers)  started`);
for (let count = 1 - WARM_UPS; count <= REQUEST_COUNT; count++) {
  const before = { time: performance.now(), cpu: cpuOf(own) };
  await (await server.post(simple("Go"))).text();
  if (count > 0) samples.push({ time: performance.now() - before.time, cpu: cpuOf(own) - before.cpu });
  if (samples.length < REQUESTS_PER_ROW) continue;
  const memory = workersOf(server.home).map((pid) => megabytes(pid).toFixed(0));
  const cells = [
    median(samples.map(({ time }) => time)).toFixed(1),
    median(samples.map(({ cpu }) => cpu)).toFixed(1),
    megabytes(own).toFixed(0),
  ];
  console.log(
    `${`to ${count}`.padEnd(12)} ${cells[0]?.padStart(9)}  ${cells[1]?.padStart(13)}  ${cells[2]?.padStart(9)}  ${memory.join(" + ").padStart(12)}  ${startedBy(server)}`,
  );
  samples.length = 0;
}
