import { CASES } from "./eventLoop/cases.ts";
import { measure, type Row } from "./eventLoop/measure.ts";

/**
 * The longest block of the server's event loop and its peak of memory, for what is large or hostile: each case on a fresh
 * server in a process of its own. "block ms" is the time that passed, in which the thread may also have waited for a CPU;
 * "CPU ms" is the longest stretch of work of the thread itself, so it holds on a busy machine as well; the ratio compares
 * it with the first case. `node bench/eventLoop.ts image letters` runs these alone, `--bound 120` ends a case
 * after so many seconds.
 */
const args = process.argv.slice(2);
const at = args.indexOf("--bound");
const bound = 1000 * (at === -1 ? 60 : Number(args.splice(at, 2)[1]));
const unknown = args.filter((name) => !CASES.some((one) => one.name === name));
if (unknown.length > 0 || Number.isNaN(bound)) {
  console.error(`Unknown: ${unknown.join(", ")}. Cases: ${CASES.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}
// the first one is what the others are compared with
const chosen = CASES.filter(({ name }, index) => args.length === 0 || index === 0 || args.includes(name));

const number = (value: number | undefined, scale = 1) => (value === undefined ? "-" : (value / scale).toFixed(0));
const megabytes = (bytes: number | undefined) => number(bytes, 1024 * 1024);
const print = (title: string, outcome: string, cells: string[]) =>
  console.log(
    `${title.padEnd(44)} ${outcome.slice(0, 28).padEnd(28)} ${cells.map((cell) => cell.padStart(9)).join("")}`,
  );

console.log(
  "Longest block of the event loop and memory, each case on a fresh server (peak, 2 s later, in use after a GC)",
);
print("", "", ["block ms", "CPU ms", "ratio", "total ms", "peak MB", "idle MB", "in use", "CLIs MB"]);
let ordinary: Row | undefined;
for (const one of chosen) {
  const row = await measure(one, bound);
  ordinary ??= row;
  const { longest, total } = row;
  print(row.title, row.outcome, [
    longest === undefined ? `> ${number(total)}` : number(longest.wall),
    number(longest?.cpu),
    longest === undefined ? "-" : (longest.cpu / (ordinary.longest?.cpu ?? 1)).toFixed(1),
    number(total),
    ...[row.peak, row.idle, row.kept, row.workers].map(megabytes),
  ]);
}
// a request that was not over may still hold its connection
process.exit();
