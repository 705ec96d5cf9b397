import { setTimeout as delay } from "node:timers/promises";
import { proportionalBytes } from "../src/claude/process/memory.ts";
import { simple } from "../test/support/harness.ts";
import { reply, text } from "../test/support/replies.ts";
import { startServerProcess, workersOf } from "../test/support/serverProcess.ts";

const REQUEST_COUNT = 300;
const CLIENT_COUNT = 6;
const PROMPT_COUNT = 5;
/** System prompts that are each used once, and flags that remove the limits on idle workers. */
const SINGLE_PROMPT_COUNT = 10;
const UNBOUNDED_FLAGS = ["--max-idle-workers", "1000", "--max-idle-memory", "0"];
/** Milliseconds after which idle workers beyond the limits have ended. */
const SETTLE_MS = 4000;

/** Counts the CLIs that start for clients which alternate between a few system prompts, and partly disconnect early. */
await using server = await startServerProcess(["--max-concurrent", "4"]);
server.fakeApi.respond = () => reply([text("A short answer")]);

async function ask(index: number): Promise<boolean> {
  const leaving = new AbortController();
  if (index % 10 === 0) setTimeout(() => leaving.abort(), index % 50);
  const body = { ...simple(`question ${index}`), stream: index % 2 === 0, system: `Prompt ${index % PROMPT_COUNT}` };
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
  while (next < REQUEST_COUNT) if (await ask(next++)) answered += 1;
};
await Promise.all(Array.from({ length: CLIENT_COUNT }, client));
const seconds = (performance.now() - start) / 1000;
const started = server.output.stderr.match(/worker \d+ started/g)?.length ?? 0;
console.log(
  `${CLIENT_COUNT} clients with ${PROMPT_COUNT} system prompts, 4 requests at once: ${answered} of ${REQUEST_COUNT} answered`,
);
console.log(`  ${(answered / seconds).toFixed(1)} requests a second, ${started} workers started`);

/** Reports the workers left after prompts that are each used once, and their memory. */
async function leftAfterSinglePrompts(flags: string[]): Promise<string> {
  await using one = await startServerProcess(["--warm", "1", ...flags]);
  one.fakeApi.respond = () => reply([text("A short answer")]);
  for (let prompt = 0; prompt < SINGLE_PROMPT_COUNT; prompt++) {
    await (await one.post(simple("question", { system: `Prompt ${prompt}` }))).text();
  }
  await delay(SETTLE_MS);
  const pids = workersOf(one.home);
  const sizes = [...(await proportionalBytes(pids)).values()];
  const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1024 / 1024;
  return `${pids.length} workers, ${megabytes.toFixed(0)} MB of proportional memory`;
}

if (process.platform === "linux") {
  console.log(`${SINGLE_PROMPT_COUNT} system prompts, each used once:`);
  console.log(`  without bounds ${await leftAfterSinglePrompts(UNBOUNDED_FLAGS)}`);
  console.log(`  with bounds    ${await leftAfterSinglePrompts([])}`);
}
