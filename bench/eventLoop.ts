import { CASES } from "./eventLoop/cases.ts";
import { measure, type Row } from "./eventLoop/measure.ts";

/**
 * Measures the longest block of the server's event loop, and its peak memory, for large or hostile requests. Each case
 * uses a new server process. "block ms" is wall time and includes waiting for a CPU. "CPU ms" is the longest CPU time
 * of the thread between two turns, so it is valid on a busy machine; the ratio is relative to the first case. `node
 * bench/eventLoop.ts image letters` runs only these cases; `--bound 120` ends each case after this many seconds.
 */
const args = process.argv.slice(2);
const at = args.indexOf("--bound");
const bound = 1000 * (at === -1 ? 60 : Number(args.splice(at, 2)[1]));
const unknown = args.filter((name) => !CASES.some((one) => one.name === name));
if (unknown.length > 0 || Number.isNaN(bound)) {
  console.error(`Unknown: ${unknown.join(", ")}. Cases: ${CASES.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}
// the first case is the baseline
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
// an unfinished request may still hold its connection
process.exit();
