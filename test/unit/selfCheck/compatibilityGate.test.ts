import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { cliEnvironment, cliForbidden } from "../../../src/api/cliErrors.ts";
import { describe as described } from "../../../src/api/messageDescriptors.ts";
import type { Cli } from "../../../src/claude/locate/locate.ts";
import { CompatibilityGate } from "../../../src/selfCheck/compatibilityGate.ts";
import { type CheckResult, ChecksSkipped, type runChecks as RunChecks } from "../../../src/selfCheck/runChecks.ts";
import { scratchDirectory } from "../../support/scratch.ts";
import { silentLogger } from "../../support/silentLogger.ts";

const runChecks = vi.hoisted(() => vi.fn<typeof RunChecks>());
vi.mock("../../../src/selfCheck/runChecks.ts", async (original) => ({ ...(await original<object>()), runChecks }));

vi.mock("node:fs/promises", { spy: true });

const PASS: CheckResult[] = [{ name: "one call" }];
const FAIL: CheckResult[] = [{ name: "one call", reason: "2 calls" }];

beforeEach(() => void runChecks.mockReset().mockResolvedValue(PASS));

const cli = (version: string, lasting: string): Cli => ({
  ...{ command: "/claude", prefix: [], files: ["/claude"], path: "/claude", version, skipped: [] },
  identity: { current: `${lasting} 1`, lasting },
});

describe("CompatibilityGate", () => {
  it("checks each program once, even two of the same version", async () => {
    const dataDir = scratchDirectory();
    const check = (program: Cli) => new CompatibilityGate({ dataDir, environment: {} }, silentLogger).check(program);
    for (const program of [cli("2.1.330", "a"), cli("2.1.330", "b"), cli("2.1.331", "c")]) await check(program);
    expect(runChecks).toHaveBeenCalledTimes(3);
    for (const program of [cli("2.1.330", "a"), cli("2.1.330", "b"), cli("2.1.331", "c")]) await check(program);
    expect(runChecks).toHaveBeenCalledTimes(3);
    await check(cli("2.1.330", "a stub at the same path"));
    expect(runChecks).toHaveBeenCalledTimes(4);
  });

  it("checks again only a minute after two failures", async () => {
    let now = 0;
    const gate = new CompatibilityGate({ dataDir: scratchDirectory(), environment: {} }, silentLogger, () => now);
    runChecks.mockResolvedValue(FAIL);
    for (let request = 0; request < 5; request++)
      await expect(gate.check(cli("2.1.330", "a"))).rejects.toThrow("2.1.330");
    // each transport twice
    expect(runChecks).toHaveBeenCalledTimes(4);
    await expect(gate.check(cli("2.1.331", "b"))).rejects.toThrow("2.1.331");
    expect(runChecks).toHaveBeenCalledTimes(8);
    runChecks.mockResolvedValue(PASS);
    now = 61_000;
    await gate.check(cli("2.1.330", "a"));
    expect(runChecks).toHaveBeenCalledTimes(9);
  });

  it("admits a CLI that can only overlay requests, and does not check rewriting if it cannot work or is disabled", async () => {
    runChecks.mockImplementation(async (_cli, _environment, _logger, transport) =>
      transport === "overlay" ? PASS : FAIL,
    );
    const asked = () => runChecks.mock.calls.splice(0).map(([, , , transport]) => transport);
    const gate = new CompatibilityGate({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    const newer = cli("2.1.330", "a");
    await gate.check(newer);
    expect(asked()).toEqual(["rewrite", "rewrite", "overlay"]);
    await expect(gate.check(newer, "rewrite")).rejects.toThrow("2.1.330");
    await gate.check(newer, "overlay");
    await gate.check(cli("2.1.327", "b"));
    expect(asked()).toEqual(["overlay"]);
    await new CompatibilityGate(
      { dataDir: scratchDirectory(), environment: {}, transport: "overlay" },
      silentLogger,
    ).check(newer);
    expect(asked()).toEqual(["overlay"]);
  });

  it("checks exact counts separately, on demand", async () => {
    runChecks.mockImplementation(async (_cli, _environment, _logger, part) => (part === "counts" ? FAIL : PASS));
    const gate = new CompatibilityGate({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    await gate.check(cli("2.1.330", "a"));
    expect(runChecks).toHaveBeenCalledTimes(1);
    await expect(gate.check(cli("2.1.330", "a"), "counts")).rejects.toThrow("one call");
    await gate.check(cli("2.1.330", "a"), "rewrite");
    runChecks.mockResolvedValue(PASS);
    await gate.check(cli("2.1.331", "b"), "counts");
    const times = runChecks.mock.calls.length;
    await gate.check(cli("2.1.331", "b"), "counts");
    expect(runChecks).toHaveBeenCalledTimes(times);
  });

  it("tries again each time if the checks are skipped, and logs that once", async () => {
    const log: string[] = [];
    const logger = { ...silentLogger, warn: (line: string) => void log.push(line) };
    const dataDir = scratchDirectory();
    const gate = new CompatibilityGate({ dataDir, environment: {} }, logger);
    const descriptor = described("self_check_of_managed_settings", { names: ["env.ANTHROPIC_BASE_URL"] });
    runChecks.mockRejectedValue(new ChecksSkipped("managed settings (env.ANTHROPIC_BASE_URL) decide", descriptor));
    for (let start = 0; start < 3; start++) await gate.check(cli("2.1.330", "a"));
    expect(log).toEqual([expect.stringContaining("is used unchecked: managed settings (env.ANTHROPIC_BASE_URL)")]);
    expect(existsSync(join(dataDir, "self-check.json"))).toBe(false);
  });

  it.each(["null", "[]", '"text"', '{"2.1.330":null}', '{"2.1.330":{"by":"0","programs":"all"}}', "{", ""])(
    "ignores a damaged record of passes, and replaces it: %s",
    async (content) => {
      const dataDir = scratchDirectory();
      const file = join(dataDir, "self-check.json");
      writeFileSync(file, content);
      const warn = vi.fn();
      const gate = new CompatibilityGate({ dataDir, environment: {} }, { ...silentLogger, warn });
      for (let request = 0; request < 2; request++) await gate.check(cli("2.1.330", "a"));
      expect(runChecks).toHaveBeenCalledTimes(1);
      expect(warn).toHaveBeenCalledWith(expect.stringContaining("self-check.json"));
      expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ "2.1.330": { programs: [expect.any(String)] } });
    },
  );

  it("answers 529, and runs no checks, while no file handle is left to read the passes", async () => {
    const dataDir = scratchDirectory();
    const gate = new CompatibilityGate({ dataDir, environment: {} }, silentLogger);
    vi.mocked(readFile).mockRejectedValueOnce(Object.assign(new Error("EMFILE"), { code: "EMFILE" }));
    await expect(gate.check(cli("2.1.330", "a"))).rejects.toMatchObject({ status: 529 });
    expect(runChecks).not.toHaveBeenCalled();
    await gate.check(cli("2.1.330", "a"));
  });

  it("throws if an organization blocks every version", async () => {
    const gate = new CompatibilityGate({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    const problem = cliForbidden("disabled by your organization's managed settings");
    runChecks.mockRejectedValueOnce(problem);
    await expect(gate.check(cli("2.1.330", "a"))).rejects.toBe(problem);
    await gate.check(cli("2.1.330", "a"));
  });

  it("does not blame the version for problems of the machine, and checks again at once", async () => {
    const gate = new CompatibilityGate({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    const problem = cliEnvironment("TMPDIR", "/none", "which does not exist");
    runChecks.mockRejectedValueOnce(problem);
    await expect(gate.check(cli("2.1.330", "a"))).rejects.toBe(problem);
    await gate.check(cli("2.1.330", "a"));
  });
});
