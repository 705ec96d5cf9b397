import { simple } from "../test/support/harness.ts";
import { reply, text } from "../test/support/replies.ts";
import { startServerProcess } from "../test/support/serverProcess.ts";

const REQUESTS = 300;
const CLIENTS = 6;
const PROMPTS = 5;

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
