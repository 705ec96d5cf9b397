import { describe, expect, it, vi } from "vitest";
import type { CliMessage } from "../../../../../src/claude/protocol/codec.ts";
import { MOD_REPORTS } from "../../../../../src/claude/protocol/modReports.ts";
import type { CliAccount } from "../../../../../src/claude/signIn/description.ts";
import { REWRITE_MOD } from "../../../../../src/claude/transport/rewrite/rewriteMod.ts";
import { RewriteMods } from "../../../../../src/claude/transport/rewrite/rewriteMods.ts";
import { type Ask, TransportUnavailable } from "../../../../../src/claude/transport/transport.ts";

const KEY: CliAccount = { apiKeySource: "ANTHROPIC_API_KEY" };
const report = (text: string, plugin = REWRITE_MOD.name): CliMessage => ({
  ...{ type: "system", subtype: "ui_log" },
  ...{ plugin, text },
});

interface Process {
  account?: CliAccount;
  /** What its mod reports at the start, and when a count is requested. */
  loads?: boolean;
  isAsked?: boolean;
  /** Managed settings that the CLI reports. */
  settings?: object;
}

/** Runs the mods of such a process, and returns the requests to it. */
async function start({ account = KEY, loads = true, isAsked = true, settings }: Process = {}) {
  const mods = new RewriteMods(REWRITE_MOD.name);
  if (loads) expect(mods.accept(report(MOD_REPORTS.loaded))).toBe(true);
  const asked: string[] = [];
  const ask: Ask = async (subtype) => {
    asked.push(subtype);
    if (subtype === "get_context_usage" && isAsked) mods.accept(report(MOD_REPORTS.countDenied));
    const sources = settings ? [{ source: "policySettings", settings }] : [];
    return { type: "control_response", response: subtype === "get_settings" ? { sources } : {} };
  };
  return { mods, asked, required: mods.verify(account, ask) };
}

describe("the mod that rewrites requests", () => {
  it("is tested with the counter before the first request", async () => {
    const { mods, asked, required } = await start();
    await required;
    expect(asked).toEqual(["get_settings", "get_context_usage"]);
    expect(mods.reasonToRetire).toBeUndefined();
  });

  it("is not tested if the CLI is signed out", async () => {
    const { mods, asked, required } = await start({ account: { tokenSource: "none" }, isAsked: false });
    await required;
    expect(asked).toEqual(["get_settings"]);
    expect(mods.reasonToRetire).toBeUndefined();
  });

  it.each<[string, Process, string, string[]]>([
    [
      "a Team sign-in",
      { account: { subscriptionType: "Claude Team" } },
      "the organization has Claude Team",
      ["get_settings"],
    ],
    [
      "managed settings, wherever they are from",
      { settings: { disableAllHooks: true } },
      "this machine has managed settings",
      ["get_settings"],
    ],
    [
      "a mod that is not asked",
      { isAsked: false },
      "Claude Code does not ask mods about calls",
      ["get_settings", "get_context_usage"],
    ],
  ])("is unavailable with %s", async (_what, process, reason, questions) => {
    const { mods, asked, required } = await start(process);
    await expect(required).rejects.toThrow(new TransportUnavailable(reason));
    expect(mods.reasonToRetire).toBe(reason);
    expect(asked).toEqual(questions);
  });

  it("is unavailable if not loaded, without further requests", async () => {
    vi.useFakeTimers();
    try {
      const { mods, asked, required } = await start({ loads: false });
      const rejected = expect(required).rejects.toThrow(TransportUnavailable);
      await vi.runAllTimersAsync();
      await rejected;
      expect(mods.reasonToRetire).toBe("the mod that rewrites requests was not loaded");
      expect(asked).toEqual(["get_settings"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is unavailable after a bypassed call, which does not replace an earlier reason", async () => {
    const { mods, required } = await start();
    await required;
    mods.addBypass();
    expect(mods.reasonToRetire).toBe("Claude Code does not ask mods about calls");
    const team = await start({ account: { subscriptionType: "Claude Enterprise" } });
    await expect(team.required).rejects.toThrow();
    team.mods.addBypass();
    expect(team.mods.reasonToRetire).toBe("the organization has Claude Enterprise");
  });

  it("ignores reports of another mod", () => {
    const mods = new RewriteMods(REWRITE_MOD.name);
    expect(mods.accept(report(MOD_REPORTS.loaded, "another"))).toBe(false);
    expect(mods.accept(report(MOD_REPORTS.calling))).toBe(false);
  });
});
