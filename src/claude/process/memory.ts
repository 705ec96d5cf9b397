import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Linux counts resident memory in pages of 4 KiB, except on some ARM kernels. */
const PAGE_BYTES = 4096;

/** Resident bytes of each process. Omits processes that have ended, and all on Windows. */
export async function residentBytes(pids: readonly number[]): Promise<Map<number, number>> {
  if (pids.length === 0 || process.platform === "win32") return new Map();
  const bytes = process.platform === "linux" ? fromProc(pids) : await fromPs(pids);
  return new Map(bytes.filter(([, resident]) => Number.isFinite(resident)));
}

/**
 * Bytes of each process; on Linux, memory shared by all workers counts in part. Up to a total of `enough`, or
 * elsewhere, resident bytes, which are faster to read.
 */
export async function proportionalBytes(pids: readonly number[], enough = 0): Promise<Map<number, number>> {
  const sizes = await residentBytes(pids);
  if (process.platform !== "linux" || [...sizes.values()].reduce((sum, size) => sum + size, 0) <= enough) return sizes;
  const read = async (pid: number) => {
    // a process that has ended has none
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

/** Synchronous, since the kernel answers within microseconds; a thread-pool read takes ten times as long. */
function statmOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/statm`, "utf8");
  } catch {
    // it has ended
    return "";
  }
}

async function fromPs(pids: readonly number[]): Promise<Resident[]> {
  // fails if all have ended
  const printed = await promisify(execFile)("ps", ["-o", "pid=,rss=", "-p", pids.join(",")]).catch(() => undefined);
  const rows = (printed?.stdout ?? "").split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return rows.map(([pid = Number.NaN, kilobytes = Number.NaN]) => [pid, kilobytes * 1024]);
}
