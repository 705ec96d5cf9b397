import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Linux counts resident memory in pages; they are 4 KiB on every platform the CLI runs on but some ARM kernels. */
const PAGE_BYTES = 4096;

/** Resident bytes of a process; undefined where the system does not tell (Windows) or the process is gone. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    if (process.platform === "linux") {
      const statm = await readFile(`/proc/${pid}/statm`, "utf8");
      return Number(statm.split(" ")[1]) * PAGE_BYTES;
    }
    if (process.platform === "win32") return undefined;
    const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
    return Number(stdout) * 1024;
  } catch {
    return undefined;
  }
}
