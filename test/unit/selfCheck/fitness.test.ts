import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { cliEnvironment, cliForbidden } from "../../../src/api/cliErrors.ts";
import type { Cli } from "../../../src/claude/locate.ts";
import { Fitness } from "../../../src/selfCheck/fitness.ts";
import { type Finding, NotContained, type selfCheck as SelfCheck } from "../../../src/selfCheck/selfCheck.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { silentLogger } from "../support/silentLogger.ts";

const selfCheck = vi.hoisted(() => vi.fn<typeof SelfCheck>());
vi.mock("../../../src/selfCheck/selfCheck.ts", async (original) => ({ ...(await original<object>()), selfCheck }));

const PASS: Finding[] = [{ name: "one call" }];
const FAIL: Finding[] = [{ name: "one call", reason: "2 calls" }];

beforeEach(() => void selfCheck.mockReset().mockResolvedValue(PASS));

const cli = (version: string, lasting: string): Cli => ({
  ...{ command: "/claude", prefix: [], files: ["/claude"], path: "/claude", version, passedOver: [] },
  identity: { current: `${lasting} 1`, lasting },
});

describe("the self-check", () => {
  it("is asked of each program once, also where two have the same version", async () => {
    const dataDir = scratchDirectory();
    const require = (program: Cli) => new Fitness({ dataDir, environment: {} }, silentLogger).require(program);
    for (const program of [cli("2.1.330", "a"), cli("2.1.330", "b"), cli("2.1.331", "c")]) await require(program);
    expect(selfCheck).toHaveBeenCalledTimes(3);
    for (const program of [cli("2.1.330", "a"), cli("2.1.330", "b"), cli("2.1.331", "c")]) await require(program);
    expect(selfCheck).toHaveBeenCalledTimes(3);
    await require(cli("2.1.330", "a stub at the same path"));
    expect(selfCheck).toHaveBeenCalledTimes(4);
  });

  it("is not repeated for each request where it failed twice, but after a minute", async () => {
    let now = 0;
    const fitness = new Fitness({ dataDir: scratchDirectory(), environment: {} }, silentLogger, () => now);
    selfCheck.mockResolvedValue(FAIL);
    for (let request = 0; request < 5; request++)
      await expect(fitness.require(cli("2.1.330", "a"))).rejects.toThrow("2.1.330");
    // each transport twice
    expect(selfCheck).toHaveBeenCalledTimes(4);
    await expect(fitness.require(cli("2.1.331", "b"))).rejects.toThrow("2.1.331");
    expect(selfCheck).toHaveBeenCalledTimes(8);
    selfCheck.mockResolvedValue(PASS);
    now = 61_000;
    await fitness.require(cli("2.1.330", "a"));
    expect(selfCheck).toHaveBeenCalledTimes(9);
  });

  it("admits a CLI that can only overlay requests, and tries no rewriting where it cannot work or is not wanted", async () => {
    selfCheck.mockImplementation(async (_cli, _environment, _logger, transport) =>
      transport === "overlay" ? PASS : FAIL,
    );
    const asked = () => selfCheck.mock.calls.splice(0).map(([, , , transport]) => transport);
    const fitness = new Fitness({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    const newer = cli("2.1.330", "a");
    await fitness.require(newer);
    expect(asked()).toEqual(["rewrite", "rewrite", "overlay"]);
    await expect(fitness.require(newer, "rewrite")).rejects.toThrow("2.1.330");
    await fitness.require(newer, "overlay");
    await fitness.require(cli("2.1.327", "b"));
    expect(asked()).toEqual(["overlay"]);
    await new Fitness({ dataDir: scratchDirectory(), environment: {}, transport: "overlay" }, silentLogger).require(
      newer,
    );
    expect(asked()).toEqual(["overlay"]);
  });

  it("tries exact counts apart from requests, once they are wanted", async () => {
    selfCheck.mockImplementation(async (_cli, _environment, _logger, part) => (part === "counts" ? FAIL : PASS));
    const fitness = new Fitness({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    await fitness.require(cli("2.1.330", "a"));
    expect(selfCheck).toHaveBeenCalledTimes(1);
    await expect(fitness.require(cli("2.1.330", "a"), "counts")).rejects.toThrow("one call");
    await fitness.require(cli("2.1.330", "a"), "rewrite");
    selfCheck.mockResolvedValue(PASS);
    await fitness.require(cli("2.1.331", "b"), "counts");
    const times = selfCheck.mock.calls.length;
    await fitness.require(cli("2.1.331", "b"), "counts");
    expect(selfCheck).toHaveBeenCalledTimes(times);
  });

  it("is asked for each time where it cannot be kept on this machine, and the log says once that it was not run", async () => {
    const log: string[] = [];
    const logger = { ...silentLogger, warn: (line: string) => void log.push(line) };
    const dataDir = scratchDirectory();
    const fitness = new Fitness({ dataDir, environment: {} }, logger);
    selfCheck.mockRejectedValue(new NotContained("managed settings (env.ANTHROPIC_BASE_URL) decide"));
    for (let start = 0; start < 3; start++) await fitness.require(cli("2.1.330", "a"));
    expect(log).toEqual([expect.stringContaining("is used unchecked: managed settings (env.ANTHROPIC_BASE_URL)")]);
    expect(existsSync(join(dataDir, "self-check.json"))).toBe(false);
  });

  it("ends a search where an organization lets no version of the CLI run", async () => {
    const fitness = new Fitness({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    const trouble = cliForbidden("disabled by your organization's managed settings");
    selfCheck.mockRejectedValueOnce(trouble);
    await expect(fitness.require(cli("2.1.330", "a"))).rejects.toBe(trouble);
    await fitness.require(cli("2.1.330", "a"));
  });

  it("does not blame the version for trouble of the machine, and asks again at once", async () => {
    const fitness = new Fitness({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    const trouble = cliEnvironment("TMPDIR", "/none", "which does not exist");
    selfCheck.mockRejectedValueOnce(trouble);
    await expect(fitness.require(cli("2.1.330", "a"))).rejects.toBe(trouble);
    await fitness.require(cli("2.1.330", "a"));
  });
});
