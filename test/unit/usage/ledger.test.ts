import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UsageMeter } from "../../../src/api/usage.ts";
import type { Logger } from "../../../src/shared/logger.ts";
import { DataDirectory } from "../../../src/storage/dataDirectory.ts";
import { dayOf, emptyUsage, Ledger } from "../../../src/usage/ledger.ts";
import { usageReport } from "../../../src/usage/report.ts";
import { silentLogger } from "../../support/silentLogger.ts";

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "claude-virtual-api-usage-"));
});
afterEach(() => {
  vi.useRealTimers();
  return rm(path, { recursive: true });
});

const today = dayOf(new Date());

/** Malformed contents of a day's file. */
const DAMAGED: [name: string, content: string][] = [
  ["half an object", "{ torn"],
  ["nothing", ""],
  ["null", "null"],
  ["a list", "[]"],
  ["a model that is null", '{"claude-a":null}'],
  ["a count that is a word", '{"claude-a":{"requests":"many"}}'],
  ["a count that is infinite", '{"claude-a":{"requests":1e999}}'],
];

/** Opens a ledger on this test's directory; returns it with a function that closes it. */
async function openLedger(logger: Logger = silentLogger) {
  const directory = new DataDirectory(path, logger);
  const ledger = new Ledger(directory, logger);
  directory.addStore(ledger);
  await directory.open();
  return { ledger, directory };
}

function answered(model: string, input_tokens = 3, output_tokens = 4): UsageMeter {
  const meter = new UsageMeter(model);
  meter.see({ type: "message_start", message: { model, usage: { input_tokens, output_tokens: 1 } } });
  meter.see({ type: "message_delta", usage: { output_tokens } });
  return meter;
}

const stored = async (day = today) => JSON.parse(await readFile(join(path, "usage", `${day}.json`), "utf8"));

describe("Ledger", () => {
  it("adds up requests, errors and tokens by model", async () => {
    const { ledger, directory } = await openLedger();
    ledger.record(answered("claude-a"), false);
    ledger.record(answered("claude-a", 10, 20), false);
    ledger.record(new UsageMeter("claude-b"), true);
    await directory.close();
    expect(await stored()).toEqual({
      "claude-a": { ...emptyUsage(), requests: 2, input_tokens: 13, output_tokens: 24 },
      "claude-b": { ...emptyUsage(), requests: 1, errors: 1 },
    });
  });

  it("adds to counts from before it was opened", async () => {
    for (let run = 1; run <= 3; run++) {
      const { ledger, directory } = await openLedger();
      ledger.record(answered("claude-a"), false);
      await directory.close();
      expect((await stored())["claude-a"].requests).toBe(run);
    }
  });

  it("separates models named like built-in properties", async () => {
    const { ledger, directory } = await openLedger();
    for (const model of ["__proto__", "constructor", "toString"]) ledger.record(answered(model), false);
    await directory.close();
    expect(Object.keys(await stored())).toEqual(["__proto__", "constructor", "toString"]);
  });

  it("writes nothing while another server owns the directory, and its own counts once it does", async () => {
    const first = await openLedger();
    const second = await openLedger();
    second.ledger.record(answered("claude-a"), false);
    first.ledger.record(answered("claude-a"), false);
    await first.directory.close();
    expect((await stored())["claude-a"].requests).toBe(1);
    await second.directory.requireOwned();
    second.ledger.record(answered("claude-a"), false);
    await second.directory.close();
    expect((await stored())["claude-a"].requests).toBe(3);
  });

  it("also writes counts of earlier days when it becomes the owner", async () => {
    const first = await openLedger();
    const second = await openLedger();
    for (let each = 0; each < 3; each++) first.ledger.record(answered("claude-a"), false);
    second.ledger.record(answered("claude-a"), false);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 24 * 3600_000 });
    const tomorrow = dayOf(new Date());
    await first.directory.close();
    await second.directory.requireOwned();
    second.ledger.record(answered("claude-a"), false);
    expect(await second.ledger.usageOf(today)).toMatchObject({ "claude-a": { requests: 4, output_tokens: 16 } });
    await second.directory.close();
    expect((await stored(today))["claude-a"].requests).toBe(4);
    expect((await stored(tomorrow))["claude-a"].requests).toBe(1);
  });

  it("adds to an earlier day's file if the clock was set back", async () => {
    const { ledger, directory } = await openLedger();
    await writeFile(
      join(path, "usage/2026-11-20.json"),
      JSON.stringify({ "claude-a": { ...emptyUsage(), requests: 7 } }),
    );
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-20T12:00:00Z") });
    ledger.record(answered("claude-a"), false);
    await directory.close();
    expect((await stored("2026-11-20"))["claude-a"].requests).toBe(8);
  });

  it("reports the owner's counts and its own while another server owns the directory", async () => {
    const first = await openLedger();
    const second = await openLedger();
    first.ledger.record(answered("claude-a"), false);
    first.ledger.record(answered("claude-b"), false);
    second.ledger.record(answered("claude-a"), false);
    // the owner's counts are read from disk
    await expect
      .poll(() => second.ledger.usageOf(today))
      .toMatchObject({ "claude-a": { requests: 2 }, "claude-b": { requests: 1 } });
    await first.directory.close();
    await second.directory.close();
  });

  it.each(DAMAGED)("renames a file with %s, and keeps counting", async (_name, content) => {
    await (await openLedger()).directory.close();
    await writeFile(join(path, "usage", `${today}.json`), content);
    const error = vi.fn();
    const { ledger, directory } = await openLedger({ ...silentLogger, error });
    expect(await ledger.usageOf(today)).toEqual({});
    ledger.record(answered("claude-a"), false);
    await directory.close();
    expect((await stored())["claude-a"].requests).toBe(1);
    const [aside, ...others] = (await readdir(join(path, "usage"))).filter((name) => name !== `${today}.json`);
    expect(others).toEqual([]);
    expect(await readFile(join(path, "usage", aside as string), "utf8")).toBe(content);
    expect(error.mock.calls.flat()).toContainEqual(expect.stringContaining(`It was renamed to ${aside}`));
  });

  it("keeps 256 characters of a model's name", async () => {
    const { ledger, directory } = await openLedger();
    for (const end of ["a", "b"]) ledger.record(new UsageMeter("m".repeat(3_000_000) + end), true);
    await directory.close();
    expect(await stored()).toEqual({ ["m".repeat(256)]: { ...emptyUsage(), requests: 2, errors: 2 } });
  });

  it("fails no request when counting fails", async () => {
    const error = vi.fn();
    const { ledger, directory } = await openLedger({ ...silentLogger, error });
    vi.spyOn(Date.prototype, "toISOString").mockImplementationOnce(() => {
      throw new RangeError("Invalid time value");
    });
    ledger.record(answered("claude-a"), false);
    ledger.record(answered("claude-a"), false);
    await directory.close();
    expect(error.mock.calls).toEqual([["usage: Invalid time value"]]);
    expect((await stored())["claude-a"].requests).toBe(1);
  });

  it("reads files of an older version with fewer counts", async () => {
    await (await openLedger()).directory.close();
    await writeFile(join(path, "usage", `${today}.json`), '{"claude-a":{"requests":2}}');
    const { ledger, directory } = await openLedger();
    expect(await ledger.usageOf(today)).toEqual({ "claude-a": { ...emptyUsage(), requests: 2 } });
    await directory.close();
  });

  it("keeps its counts until they can be written", async () => {
    const { ledger, directory } = await openLedger();
    // a directory in its place, which even root cannot read as a file
    await mkdir(join(path, "usage", `${today}.json`));
    ledger.record(answered("claude-a"), false);
    expect(await ledger.usageOf(today)).toMatchObject({ "claude-a": { requests: 1 } });
    await rmdir(join(path, "usage", `${today}.json`));
    ledger.record(answered("claude-a"), false);
    await directory.close();
    expect((await stored())["claude-a"].requests).toBe(2);
  });
});

describe("usageReport", () => {
  const now = new Date("2026-11-22T10:00:00Z");
  const report = async (query: object = {}) => {
    const { ledger, directory } = await openLedger();
    const answer = await usageReport(ledger, { groupBy: [], models: [], ...query }, now);
    await directory.close();
    return answer;
  };
  beforeEach(async () => {
    await (await openLedger()).directory.close();
    const day = {
      "claude-a": { ...emptyUsage(), requests: 2, input_tokens: 5 },
      "claude-b": { ...emptyUsage(), requests: 1 },
    };
    await writeFile(join(path, "usage/2026-11-20.json"), JSON.stringify(day));
  });

  it("returns a bucket for each of the last seven days", async () => {
    const { data, has_more, next_page } = await report();
    expect(data.map(({ starting_at }) => starting_at.slice(0, 10))).toEqual(
      [16, 17, 18, 19, 20, 21, 22].map((day) => `2026-11-${day}`),
    );
    expect(data.map(({ results }) => results.length)).toEqual([0, 0, 0, 0, 1, 0, 0]);
    expect(data[4]?.results[0]).toMatchObject({ model: null, requests: 3, uncached_input_tokens: 5 });
    expect([has_more, next_page]).toEqual([false, null]);
  });

  it("groups by model and filters models on request", async () => {
    const day = { starting_at: "2026-11-20", ending_at: "2026-11-21", groupBy: ["model"] };
    expect((await report(day)).data[0]?.results).toMatchObject([{ model: "claude-a" }, { model: "claude-b" }]);
    expect((await report({ ...day, models: ["claude-b"] })).data[0]?.results).toMatchObject([{ model: "claude-b" }]);
  });

  it("paginates", async () => {
    const days: string[] = [];
    let page: string | undefined;
    do {
      const answer = await report({ starting_at: "2026-11-17T12:00:00Z", limit: "2", page });
      days.push(...answer.data.map(({ starting_at }) => starting_at.slice(8, 10)));
      page = answer.next_page ?? undefined;
    } while (page);
    expect(days).toEqual(["17", "18", "19", "20", "21", "22"]);
  });

  it.each([
    [{ bucket_width: "1h" }, "bucket_width: Input should be '1d'; usage is recorded by day"],
    [{ limit: "32" }, "limit: Input should be less than or equal to 31"],
    [{ starting_at: "yesterday" }, "starting_at: Input should be a valid datetime"],
    [{ starting_at: "2026-11-21", ending_at: "2026-11-20" }, "ending_at: Input should not be before starting_at"],
    [{ page: "page_2" }, "page: 'page_2' is not a valid page cursor"],
    [{ page: "page_2026-99-99" }, "page: Input should be a valid datetime"],
  ])("rejects %j", async (query, message) => {
    await expect(report(query)).rejects.toMatchObject({ status: 400, message });
  });
});
