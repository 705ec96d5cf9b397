import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Linux counts resident memory in pages; they are 4 KiB on every platform the CLI runs on but some ARM kernels. */
const PAGE_BYTES = 4096;

/** Resident bytes by process; a process is missing where the system does not say (Windows), or where it is gone. */
export async function residentBytes(pids: readonly number[]): Promise<Map<number, number>> {
  if (pids.length === 0 || process.platform === "win32") return new Map();
  const bytes = process.platform === "linux" ? fromProc(pids) : await fromPs(pids);
  return new Map(bytes.filter(([, resident]) => Number.isFinite(resident)));
}

/**
 * Bytes by process, on Linux without what it shares with others, which counts in part: all workers run one program.
 * Elsewhere, where the system keeps this to itself, and where their sum is no more than `enough`, its resident bytes:
 * the kernel takes milliseconds to work the others out.
 */
export async function proportionalBytes(pids: readonly number[], enough = 0): Promise<Map<number, number>> {
  const sizes = await residentBytes(pids);
  if (process.platform !== "linux" || [...sizes.values()].reduce((sum, size) => sum + size, 0) <= enough) return sizes;
  const read = async (pid: number) => {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
    const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    if (kilobytes !== undefined) sizes.set(pid, Number(kilobytes) * 1024);
  };
  await Promise.all(pids.map(read));
  return sizes;
}

type Resident = [pid: number, bytes: number];

function fromProc(pids: readonly number[]): Resident[] {
  return pids.map((pid) => [pid, Number(statmOf(pid).split(" ")[1]) * PAGE_BYTES]);
}

/** Reads synchronously: the kernel answers from memory within microseconds, a thread of the pool takes ten times as long. */
function statmOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/statm`, "utf8");
  } catch {
    return "";
  }
}

async function fromPs(pids: readonly number[]): Promise<Resident[]> {
  const printed = await promisify(execFile)("ps", ["-o", "pid=,rss=", "-p", pids.join(",")]).catch(() => undefined);
  const rows = (printed?.stdout ?? "").split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return rows.map(([pid = Number.NaN, kilobytes = Number.NaN]) => [pid, kilobytes * 1024]);
}
