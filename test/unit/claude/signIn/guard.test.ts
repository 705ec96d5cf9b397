import { describe, expect, it } from "vitest";
import { GuardDetector } from "../../../../src/claude/signIn/guard.ts";
import { isSettled } from "../../../support/streams.ts";

const DEBUG = "2026-11-26T02:07:56.951Z [DEBUG] cc-plugin-sec-default";

describe("an organization's guard", () => {
  it.each<[string, string | undefined]>([
    ["@builtin seated outermost: this machine has managed settings", "this machine has managed settings"],
    ["@builtin seated outermost: the organization is team", "the organization is team"],
    ["@builtin not seated: no managed settings and not a Team or Enterprise organization (none)", undefined],
  ])("is read from '%s'", async (line, reason) => {
    const guard = new GuardDetector();
    guard.addStderrLine(DEBUG + line);
    expect(guard.reason).toBe(reason);
    expect(await isSettled(guard.known)).toBe(true);
  });

  it("is not read from the guard's own log lines", async () => {
    const guard = new GuardDetector();
    guard.addStderrLine(`${DEBUG}: hooks telemetry for: collector`);
    expect(guard.reason).toBeUndefined();
    expect(await isSettled(guard.known)).toBe(false);
  });

  it.each([
    ["Claude Team", "the organization has Claude Team"],
    ["Claude Enterprise", "the organization has Claude Enterprise"],
    ["Claude Max", undefined],
  ])("is assumed for %s", (subscriptionType, reason) => {
    const guard = new GuardDetector();
    guard.addAccount({ subscriptionType });
    expect(guard.reason).toBe(reason);
  });

  it("is assumed after a call that bypassed our mod", () => {
    const guard = new GuardDetector();
    guard.addBypass();
    expect(guard.reason).toBe("Claude Code does not ask mods about calls");
  });
});
