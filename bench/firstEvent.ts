import { spawn } from "node:child_process";
import { once } from "node:events";
import { lines } from "../src/shared/lines.ts";
import { claudePath } from "../test/support/claude.ts";
import { cliEnvironment } from "../test/support/harness.ts";
import { body, RawCli } from "../test/support/rawCli.ts";
import { startServerProcess } from "../test/support/serverProcess.ts";

const ROUNDS = 100;
const COLD_ROUNDS = 5;

/** Milliseconds until the first upstream event of a worker that is driven directly. */
async function direct(cli: RawCli): Promise<number> {
  const start = performance.now();
  const first = cli.next((message) => message.type === "stream_event").then(() => performance.now() - start);
  await cli.turn(body());
  return first;
}

/** Milliseconds until the first bytes of the stream through the server. */
async function throughServer(url: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "bench", "content-type": "application/json" },
    body: JSON.stringify({ model: "sonnet", stream: true, ...body() }),
  });
  const reader = response.body!.getReader();
  await reader.read();
  const elapsed = performance.now() - start;
  while (!(await reader.read()).done);
  return elapsed;
}

/** Milliseconds until the first event of a CLI that is started for this one request. */
async function fresh(cli: RawCli): Promise<number> {
  const start = performance.now();
  const args = [
    "-p",
    "Hello",
    ...["--output-format", "stream-json", "--verbose", "--include-partial-messages"],
    "--tools",
    "",
  ];
  const child = spawn(claudePath(), args, {
    env: {
      ...cliEnvironment(cli.home, cli.standIn),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let elapsed = Number.NaN;
  for await (const line of lines(child.stdout)) {
    if (Number.isNaN(elapsed) && line.includes('"stream_event"')) elapsed = performance.now() - start;
  }
  if (child.exitCode === null) await once(child, "exit");
  return elapsed;
}

const quantile = (values: number[], q: number) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)]!;
const row = (name: string, values: number[], base: number) => {
  const median = quantile(values, 0.5);
  const cells = [median, quantile(values, 0.95)].map((value) => `${value.toFixed(1).padStart(8)} ms`);
  console.log(`${name.padEnd(34)} ${cells.join("  ")}  ${(median / base).toFixed(2).padStart(6)} ×`);
};

await using cli = await RawCli.start({ system: [] });
await using server = await startServerProcess();
for (let i = 0; i < 5; i++) {
  await direct(cli);
  await throughServer(server.url);
}
const results = { direct: [] as number[], server: [] as number[], fresh: [] as number[] };
// turn about, so that whatever else the machine does falls on both alike
for (let i = 0; i < ROUNDS; i++) {
  results.direct.push(await direct(cli));
  results.server.push(await throughServer(server.url));
}
for (let i = 0; i < COLD_ROUNDS; i++) results.fresh.push(await fresh(cli));

const base = quantile(results.direct, 0.5);
console.log(
  `Time to the first event, against an upstream that answers at once (${ROUNDS} rounds, ${COLD_ROUNDS} cold)`,
);
console.log(`${"".padEnd(34)} ${"median".padStart(11)}  ${"p95".padStart(11)}     ratio`);
row("the worker, driven directly", results.direct, base);
row("through the server", results.server, base);
row("a fresh `claude -p` each time", results.fresh, base);
