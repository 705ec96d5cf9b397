import { spawn } from "node:child_process";
import { once } from "node:events";
import { TRANSPORT_LAUNCH } from "../src/claude/launchPlan.ts";
import { installMod } from "../src/claude/process/modFiles.ts";
import type { CliMessage } from "../src/claude/protocol/codec.ts";
import { triggerOf } from "../src/claude/protocol/trigger.ts";
import { rewriteInstruction } from "../src/claude/transport/rewrite/instruction.ts";
import { REWRITE_MOD } from "../src/claude/transport/rewrite/rewriteMod.ts";
import { splitLines } from "../src/shared/lines.ts";
import { claudePath } from "../test/support/claude.ts";
import { cliEnvironment, scratchHome } from "../test/support/harness.ts";
import { body, RawCli } from "../test/support/rawCli.ts";
import { startServerProcess } from "../test/support/serverProcess.ts";
import { cpuOf, median } from "./support/cpu.ts";

/**
/**
 * Measures the time to the first event, with an upstream that responds at once: of a bare worker (no mod, debug lines
 * or log) that gets only a trigger, of one with our mod that gets an instruction, through our server with a known and
 * with a new system prompt, and of a new `claude -p`. On Linux also measures our process's CPU per request.
 * `node bench/firstEvent.ts`, after a build.
 */
const ROUNDS = 100;
const COLD_ROUNDS = 5;
/** Rounds before those that count: both processes compile their code while they run. */
const WARM_UPS = 300;

const requestOf = (system: string) => JSON.stringify({ model: "sonnet", stream: true, system, ...body() });

/** Returns the milliseconds until the first upstream event of a worker driven directly. */
async function direct(cli: RawCli, trigger: CliMessage): Promise<number> {
  const start = performance.now();
  const first = cli.next((message) => message.type === "stream_event").then(() => performance.now() - start);
  const ended = cli.next((message) => message.type === "result");
  cli.write(trigger);
  await ended;
  return first;
}

/** Returns the milliseconds until the first bytes of the stream through the server. */
async function throughServer(url: string, system: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "bench", "content-type": "application/json" },
    body: requestOf(system),
  });
  const reader = response.body!.getReader();
  await reader.read();
  const elapsed = performance.now() - start;
  while (!(await reader.read()).done);
  return elapsed;
}

/** Returns the milliseconds until the first event of a CLI started for this request. */
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
      ...cliEnvironment(cli.home, cli.fakeApi),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let elapsed = Number.NaN;
  for await (const line of splitLines(child.stdout)) {
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

await using scratch = await scratchHome();
await using cli = await RawCli.start({ system: [], quiet: true });
await using withMod = await RawCli.start({
  ...{ system: [], quiet: true, env: TRANSPORT_LAUNCH.rewrite.environment },
  args: ["--plugin-dir", await installMod(scratch.home, REWRITE_MOD)],
});
const prompt = triggerOf(".");
const instruction = triggerOf(rewriteInstruction(requestOf("Known"), { betas: [], isWhole: false }));
await using server = await startServerProcess();
for (let i = 0; i < WARM_UPS; i++) {
  await direct(cli, prompt);
  await direct(withMod, instruction);
  await throughServer(server.url, "Known");
}
const isLinux = process.platform === "linux";
const ownCpu = () => (isLinux ? cpuOf(server.child.pid as number) : 0);
const results = {
  ...{ direct: [] as number[], withMod: [] as number[], known: [] as number[], unseen: [] as number[] },
  ...{ fresh: [] as number[], cpu: [] as number[] },
};
// alternate, so that other load on the machine affects all equally
for (let i = 0; i < ROUNDS; i++) {
  results.direct.push(await direct(cli, prompt));
  results.withMod.push(await direct(withMod, instruction));
  const before = ownCpu();
  results.known.push(await throughServer(server.url, "Known"));
  results.cpu.push(ownCpu() - before);
  results.unseen.push(await throughServer(server.url, `Prompt ${i}`));
}
for (let i = 0; i < COLD_ROUNDS; i++) results.fresh.push(await fresh(cli));

const base = quantile(results.direct, 0.5);
console.log(
  `Time to the first event, against an upstream that answers at once (${ROUNDS} rounds, ${COLD_ROUNDS} cold)`,
);
console.log(`${"".padEnd(34)} ${"median".padStart(11)}  ${"p95".padStart(11)}     ratio`);
row("the worker, driven directly", results.direct, base);
row("the same with our mod", results.withMod, base);
row("through the server", results.known, base);
row("… with an unseen system prompt", results.unseen, base);
row("a fresh `claude -p` each time", results.fresh, base);
if (isLinux) console.log(`our process's CPU per request: ${median(results.cpu).toFixed(1)} ms`);
