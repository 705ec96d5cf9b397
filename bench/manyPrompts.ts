import { setTimeout as delay } from "node:timers/promises";
import { proportionalBytes } from "../src/claude/memory.ts";
import { simple } from "../test/support/harness.ts";
import { reply, text } from "../test/support/replies.ts";
import { startServerProcess, workersOf } from "../test/support/serverProcess.ts";

const REQUESTS = 300;
const CLIENTS = 6;
const PROMPTS = 5;
/** System prompts that are each used once, and the flags that leave idle workers without bounds. */
const SINGLE_PROMPTS = 10;
const UNBOUNDED = ["--max-idle-workers", "1000", "--max-idle-memory", "0"];
/** Milliseconds after which idle workers beyond the bounds have ended. */
const SETTLING = 4000;

/** Clients that take turns with a few system prompts, some of them leaving early: how many CLIs does that start? */
await using server = await startServerProcess(["--max-concurrent", "4"]);
server.standIn.respond = () => reply([text("A short answer")]);

async function ask(index: number): Promise<boolean> {
  const leaving = new AbortController();
  if (index % 10 === 0) setTimeout(() => leaving.abort(), index % 50);
  const body = { ...simple(`question ${index}`), stream: index % 2 === 0, system: `Prompt ${index % PROMPTS}` };
  const answer = fetch(`${server.url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "bench", "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: leaving.signal,
  });
  return answer
    .then((response) => response.text())
    .then(
      () => true,
      () => false,
    );
}

let next = 0;
let answered = 0;
const start = performance.now();
const client = async () => {
  while (next < REQUESTS) if (await ask(next++)) answered += 1;
};
await Promise.all(Array.from({ length: CLIENTS }, client));
const seconds = (performance.now() - start) / 1000;
const started = server.output.stderr.match(/worker \d+ started/g)?.length ?? 0;
console.log(
  `${CLIENTS} clients with ${PROMPTS} system prompts, 4 requests at once: ${answered} of ${REQUESTS} answered`,
);
console.log(`  ${(answered / seconds).toFixed(1)} requests a second, ${started} workers started`);

/** Workers that are left after prompts that are each used once, and the megabytes they take. */
async function leftAfterSinglePrompts(flags: string[]): Promise<string> {
  await using one = await startServerProcess(["--warm", "1", ...flags]);
  one.standIn.respond = () => reply([text("A short answer")]);
  for (let prompt = 0; prompt < SINGLE_PROMPTS; prompt++) {
    await (await one.post(simple("question", { system: `Prompt ${prompt}` }))).text();
  }
  await delay(SETTLING);
  const pids = workersOf(one.home);
  const sizes = [...(await proportionalBytes(pids)).values()];
  const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1024 / 1024;
  return `${pids.length} workers, ${megabytes.toFixed(0)} MB of proportional memory`;
}

if (process.platform === "linux") {
  console.log(`${SINGLE_PROMPTS} system prompts, each used once:`);
  console.log(`  without bounds ${await leftAfterSinglePrompts(UNBOUNDED)}`);
  console.log(`  with bounds    ${await leftAfterSinglePrompts([])}`);
}
