import { beforeEach, describe, expect, it } from "vitest";
import { cliIncompatible, notSignedIn } from "../../../../src/api/cliErrors.ts";
import type { Cli } from "../../../../src/claude/locate/locate.ts";
import type { ManagedSettings } from "../../../../src/claude/signIn/managedSettings.ts";
import { COUNT_MOD } from "../../../../src/claude/transport/rewrite/countMod.ts";
import { REWRITE_MOD } from "../../../../src/claude/transport/rewrite/rewriteMod.ts";
import { TransportUnavailable } from "../../../../src/claude/transport/transport.ts";
import { TransportChoice, type TransportOption } from "../../../../src/claude/transport/transportChoice.ts";
import type { Worker } from "../../../../src/claude/worker.ts";
import { recordingLogger } from "../../../support/recordingLogger.ts";

const cli = (version = "2.1.330"): Cli => ({
  ...{ command: "/claude", prefix: [], files: ["/claude"], path: "/claude", version, skipped: [] },
  identity: { current: "a 1", lasting: "a" },
});
const CLI = cli();
const DENY: ManagedSettings = { origin: "/etc/managed.json", settings: { permissions: { deny: ["WebFetch"] } } };
const ORDERS: ManagedSettings = { origin: "/etc/managed.json", settings: { disableAllHooks: true } };
const LOOK_INTERVAL = 500;

let managed: ManagedSettings[];
let now: number;
let log: string[];
beforeEach(() => {
  managed = [];
  now = 0;
  log = [];
});

function choose(option: TransportOption = "auto", checkCompatibility = async () => {}): TransportChoice {
  const readManaged = async () => structuredClone(managed);
  return new TransportChoice(option, recordingLogger(log), { checkCompatibility, readManaged, now: () => now });
}

/** A worker that has shown this reason, if any. */
const worker = (reasonToRetire: string | undefined, name = "rewrite", of: Cli = CLI, mod = REWRITE_MOD) =>
  ({ transport: { name, mod: mod.name, mods: { reasonToRetire } }, cli: of }) as unknown as Worker;

const state = ({ name, reason }: TransportChoice) => [name, reason];

describe("requests are rewritten", () => {
  it("unless there is a reason not to", async () => {
    const choice = choose();
    await choice.inspect(CLI, {});
    expect(state(choice)).toEqual(["rewrite", undefined]);
    expect(() => choice.requireTransport("rewrite")).not.toThrow();
  });
});

describe("requests are overlaid", () => {
  it("if configured", async () => {
    const choice = choose("overlay");
    expect(state(choice)).toEqual(["overlay", "it was configured"]);
    await choice.inspect(CLI, {});
    expect(state(choice)).toEqual(["overlay", "it was configured"]);
  });

  it.each<[string, Cli, NodeJS.ProcessEnv, ManagedSettings[], string]>([
    ["an older version", cli("2.1.327"), {}, [], "Claude Code 2.1.327 cannot rewrite requests"],
    [
      "AWS credentials",
      CLI,
      { CLAUDE_CODE_USE_BEDROCK: "1" },
      [],
      "Amazon Bedrock's requests are signed before a mod can rewrite them",
    ],
    [
      "a Bedrock API key",
      CLI,
      { CLAUDE_CODE_USE_BEDROCK: "1", AWS_BEARER_TOKEN_BEDROCK: "key" },
      [],
      "on Amazon Bedrock, rewriting cannot be tested with the free token counter",
    ],
    ["managed settings", CLI, {}, [DENY], "this machine has managed settings"],
  ])("with %s", async (_what, found, variables, settings, reason) => {
    managed = settings;
    const choice = choose();
    await choice.inspect(found, variables);
    expect(state(choice)).toEqual(["overlay", reason]);
    expect(log).toEqual([`[info] requests use the overlay transport, since ${reason}`]);
    expect(() => choice.requireTransport("rewrite")).toThrow(TransportUnavailable);
    expect(() => choice.requireTransport("overlay")).not.toThrow();
  });

  it("if the CLI is incompatible with rewriting; other failures are thrown", async () => {
    const unfit = cliIncompatible("2.1.330", ["one call"]);
    let error: Error = unfit;
    const choice = choose("auto", () => Promise.reject(error));
    await choice.inspect(CLI, {});
    expect(state(choice)).toEqual(["overlay", `the self-check failed: ${unfit.message}`]);
    error = notSignedIn();
    await expect(choice.inspect(CLI, {})).rejects.toThrow(error.message);
  });

  it("once a worker shows a reason, until CLI or sign-in change", async () => {
    const choice = choose();
    await choice.inspect(CLI, {});
    choice.learnFrom(worker(undefined));
    choice.learnFrom(worker("it lacks a mod", "overlay"));
    expect(choice.name).toBe("rewrite");
    choice.learnFrom(worker("Claude Code does not ask mods about calls"));
    await choice.inspect(CLI, {});
    expect(state(choice)).toEqual(["overlay", "Claude Code does not ask mods about calls"]);
    await choice.inspect(cli(), {});
    expect(choice.name).toBe("rewrite");
    choice.learnFrom(worker("Claude Code does not ask mods about calls", "rewrite", CLI));
    choice.reset();
    expect(choice.name).toBe("rewrite");
  });

  it("logs each change once", async () => {
    const choice = choose();
    await choice.inspect(CLI, {});
    for (let round = 0; round < 2; round++) choice.learnFrom(worker("Claude Code does not ask mods about calls"));
    choice.reset();
    await choice.inspect(CLI, {});
    expect(log).toEqual([
      "[info] requests use the overlay transport, since Claude Code does not ask mods about calls",
      "[info] requests use the rewrite transport",
    ]);
  });
});

describe("managed settings", () => {
  it("that are added, changed or removed are detected once", async () => {
    const choice = choose();
    await choice.inspect(CLI, {});
    const changes: [ManagedSettings[], string][] = [
      [[DENY], "overlay"],
      [[ORDERS], "overlay"],
      [[], "rewrite"],
    ];
    for (const [settings, name] of changes) {
      managed = settings;
      now += LOOK_INTERVAL;
      expect(await choice.hasManagementChanged()).toBe(true);
      expect(choice.name).toBe(name);
      now += LOOK_INTERVAL;
      expect(await choice.hasManagementChanged()).toBe(false);
    }
  });

  it("that a start has read first are still detected", async () => {
    const choice = choose();
    await choice.inspect(CLI, {});
    managed = [DENY];
    await choice.inspect(CLI, {});
    expect(await choice.hasManagementChanged()).toBe(true);
    expect(await choice.hasManagementChanged()).toBe(false);
  });

  it("that were there before any worker are no change", async () => {
    managed = [DENY];
    expect(await choose("overlay").hasManagementChanged()).toBe(false);
  });

  it("are not read for each request", async () => {
    const choice = choose();
    await choice.inspect(CLI, {});
    managed = [DENY];
    now += LOOK_INTERVAL - 1;
    expect(await choice.hasManagementChanged()).toBe(false);
    now += 1;
    expect(await choice.hasManagementChanged()).toBe(true);
  });
});

it("rewrites requests if only exact counts are not possible", async () => {
  const choice = choose();
  await choice.inspect(CLI, {});
  expect(() => choice.requireCounts()).not.toThrow();
  choice.learnFrom(worker("Claude Code does not ask mods about calls", "rewrite", CLI, COUNT_MOD));
  expect([choice.name, choice.countReason]).toEqual(["rewrite", "Claude Code does not ask mods about calls"]);
  expect(() => choice.requireCounts()).toThrow(TransportUnavailable);
  choice.reset();
  expect(choice.countReason).toBeUndefined();
});
