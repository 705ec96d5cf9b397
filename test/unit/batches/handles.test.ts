import { readdirSync, readlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ApiError } from "../../../src/api/errors.ts";
import { many, openBatches } from "../../support/batches.ts";
import { until } from "../../support/harness.ts";
import { scratchDirectory } from "../../support/scratch.ts";

/** Files below a directory that this process has open (Linux). */
function openBelow(path: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(path) ? [target] : [];
    } catch {
      return [];
    }
  });
}

const paused = new ApiError(429, "rate_limit_error", "Slow down", { headers: { "retry-after": "86400" } });

describe.runIf(process.platform === "linux")("waiting batches", () => {
  it("hold no file open, whether started or not, before and after a restart", async () => {
    const path = scratchDirectory();
    const first = await openBatches(path, () => {
      throw paused;
    });
    const count = 40;
    for (let n = 0; n < count; n++) await first.create(many(3));
    await until(() => first.batches.progress[0]?.paused !== null);
    await expect.poll(() => openBelow(path)).toEqual([]);
    await first.directory.close();
    let mostOpen = 0;
    const second = await openBatches(path, () => {
      mostOpen = Math.max(mostOpen, openBelow(path).length);
      throw paused;
    });
    await until(() => second.batches.progress[0]?.paused !== null);
    await expect.poll(() => openBelow(path)).toEqual([]);
    expect(second.batches.progress).toHaveLength(count);
    expect(mostOpen).toBeLessThan(10);
  });
});
