import { setTimeout as delay } from "node:timers/promises";
import { simple } from "../test/support/harness.ts";
import { reply, text } from "../test/support/replies.ts";
import { startServerProcess, workersOf } from "../test/support/serverProcess.ts";
import { cpuOf, median } from "./support/cpu.ts";

/**
 * Measures the CPU of a response with 5,000 small events: of our process, of the CLI, and the ratio (Linux, needs a
 * build). `node bench/manyEvents.ts`
 */
const EVENT_COUNT = 5000;
const WARM_UPS = 3;
const ROUNDS = 15;

await using server = await startServerProcess();
const long = Array.from({ length: EVENT_COUNT }, (_, index) => `word${index} `).join("");
server.fakeApi.respond = () => reply([text(long)]);
const own = server.child.pid as number;

/** Returns the milliseconds of CPU for one response. */
async function measure(stream: boolean): Promise<{ own: number; cli: number }> {
  const [worker] = workersOf(server.home);
  const before = { own: cpuOf(own), cli: worker === undefined ? 0 : cpuOf(worker) };
  const body = await (await server.post(simple("Go", { stream }))).text();
  if (!body.includes(`word${EVENT_COUNT - 1} `)) throw new Error(`Not whole: ${body.slice(-500)}`);
  // the CLI is still finishing its turn
  await delay(100);
  return { own: cpuOf(own) - before.own, cli: cpuOf(workersOf(server.home)[0] as number) - before.cli };
}

for (let round = 0; round < WARM_UPS; round++) for (const stream of [true, false]) await measure(stream);
const rounds = { streamed: [] as { own: number; cli: number }[], folded: [] as { own: number; cli: number }[] };
// alternate, so that other load on the machine affects both equally
for (let round = 0; round < ROUNDS; round++) {
  rounds.streamed.push(await measure(true));
  rounds.folded.push(await measure(false));
}
console.log(`CPU for a response of ${EVENT_COUNT} small events, median of ${ROUNDS} rounds`);
console.log(`${"".padEnd(10)} ${"ours".padStart(9)}  ${"the CLI's".padStart(9)}  ratio`);
for (const [name, each] of Object.entries(rounds)) {
  const cells = (["own", "cli"] as const).map(
    (who) =>
      `${median(each.map((one) => one[who]))
        .toFixed(0)
        .padStart(6)} ms`,
  );
  console.log(
    `${name.padEnd(10)} ${cells.join("  ")}  ${median(each.map((one) => one.own / one.cli))
      .toFixed(2)
      .padStart(5)}`,
  );
}
