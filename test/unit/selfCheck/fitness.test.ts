import { beforeEach, describe, expect, it, vi } from "vitest";
import { cliEnvironment } from "../../../src/api/cliErrors.ts";
import type { Cli } from "../../../src/claude/locate.ts";
import { Fitness } from "../../../src/selfCheck/fitness.ts";
import type { Finding } from "../../../src/selfCheck/selfCheck.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { silentLogger } from "../support/silentLogger.ts";

const selfCheck = vi.hoisted(() => vi.fn<(cli: Cli) => Promise<Finding[]>>());
vi.mock("../../../src/selfCheck/selfCheck.ts", () => ({ selfCheck }));

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
    expect(selfCheck).toHaveBeenCalledTimes(2);
    await expect(fitness.require(cli("2.1.331", "b"))).rejects.toThrow("2.1.331");
    expect(selfCheck).toHaveBeenCalledTimes(4);
    selfCheck.mockResolvedValue(PASS);
    now = 61_000;
    await fitness.require(cli("2.1.330", "a"));
    expect(selfCheck).toHaveBeenCalledTimes(5);
  });

  it("does not blame the version for trouble of the machine, and asks again at once", async () => {
    const fitness = new Fitness({ dataDir: scratchDirectory(), environment: {} }, silentLogger);
    const trouble = cliEnvironment("TMPDIR", "/none", "which does not exist");
    selfCheck.mockRejectedValueOnce(trouble);
    await expect(fitness.require(cli("2.1.330", "a"))).rejects.toBe(trouble);
    await fitness.require(cli("2.1.330", "a"));
  });
});
