import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { repairJsonl, storedResult } from "../../../src/batches/repairJsonl.ts";
import { Results } from "../../../src/batches/results.ts";
import { scratchDirectory } from "../../support/scratch.ts";

/** A result with too many values to parse without blocking the event loop. */
const line = (id: string) =>
  `{"custom_id":"${id}","result":{"type":"succeeded","message":[${"[],".repeat(120_000)}0]}}\n`;
const LONGEST_PARSED = 256 * 1024;

afterEach(() => vi.restoreAllMocks());

const resultsFile = () => join(scratchDirectory(), "results.jsonl");

describe("a stored result with very many values", () => {
  it("is counted without being parsed", async () => {
    const path = resultsFile();
    await writeFile(path, line("r0") + line("r1"));
    const parse = vi.spyOn(JSON, "parse");
    const results = await Results.open(path);
    expect([...results.done]).toEqual(["r0", "r1"]);
    expect(results.counts.succeeded).toBe(2);
    await results.close();
    expect(parse.mock.calls.filter(([text]) => text.length > LONGEST_PARSED)).toEqual([]);
  });

  it("survives the repair of other lines, unless its own end is damaged", async () => {
    const path = resultsFile();
    await writeFile(path, `${line("r0")}garbage\n${line("r1").replace("0]}}", "0]")}`);
    const parse = vi.spyOn(JSON, "parse");
    expect(await repairJsonl(path, storedResult)).toBe("had unreadable lines: 2");
    expect(await readFile(path, "utf8")).toBe(line("r0"));
    expect(parse.mock.calls.filter(([text]) => text.length > LONGEST_PARSED)).toEqual([]);
  });
});
