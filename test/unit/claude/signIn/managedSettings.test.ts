import { describe, expect, it } from "vitest";
import {
  keysOf,
  managedHelper,
  managedSettingsOf,
  modForbiddingSettings,
  reroutingSettings,
} from "../../../../src/claude/signIn/managedSettings.ts";
import { describeOverrides, isGivenModel, overridesIn } from "../../../../src/claude/signIn/managedVariables.ts";
import { OverlayMods } from "../../../../src/claude/transport/overlay/overlayMods.ts";

const managed = (settings: Record<string, unknown>) => [{ origin: "managed settings", settings }];

describe("managed settings", () => {
  it("are the policy in the CLI's reply to get_settings", () => {
    const sources = [
      { source: "flagSettings", settings: { model: "opus" } },
      { source: "policySettings", settings: { permissions: {} } },
    ];
    expect(managedSettingsOf({ type: "", response: { sources } })).toEqual(managed({ permissions: {} }));
    expect(managedSettingsOf({ type: "", response: {} })).toEqual([]);
    expect(managedSettingsOf({ type: "" })).toEqual([]);
  });

  it("are listed without values, variables one by one", () => {
    expect(keysOf(managed({ apiKeyHelper: "secret", env: { A: "secret", B: "secret" } }))).toEqual([
      "apiKeyHelper",
      "env.A",
      "env.B",
    ]);
  });

  it("forbid mods only if enabled", () => {
    const settings = { allowManagedHooksOnly: true, disableAllHooks: false, allowManagedModsOnly: true };
    expect(modForbiddingSettings(managed(settings))).toEqual(["allowManagedHooksOnly"]);
  });

  const away = [
    ...["ANTHROPIC_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL", "HTTPS_PROXY", "https_proxy", "CLAUDE_CODE_USE_VERTEX"],
    ...[
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OTEL_METRICS_EXPORTER",
      "CLAUDE_CODE_ENABLE_TELEMETRY",
      "ANTHROPIC_UNIX_SOCKET",
    ],
  ].map((name) => `env.${name}`);
  it.each([...away, "apiKeyHelper", "hooks", "forceLoginMethod"])("may redirect a self-check's calls: %s", (key) => {
    expect(reroutingSettings(["permissions", key])).toEqual([key]);
  });

  it.each(["env.NO_PROXY", "env.DISABLE_TELEMETRY", "env.FOO", "permissions", "availableModels", "disableAllHooks"])(
    "keep a self-check's calls on this machine: %s",
    (key) => {
      expect(reroutingSettings([key])).toEqual([]);
    },
  );
});

it("uses the organization's helper, the last one of several", () => {
  const files = [{ apiKeyHelper: "a" }, { apiKeyHelper: "b" }, {}].flatMap(managed);
  expect(managedHelper(files)).toEqual({ apiKeyHelper: "b" });
  expect(managedHelper(managed({ apiKeyHelper: 1 }))).toEqual({});
});

describe("managed variables", () => {
  it("override ours if their value differs", () => {
    const env = { CLAUDE_CODE_MAX_RETRIES: 3, DISABLE_COMPACT: "1", CLAUDE_CODE_EFFORT_LEVEL: "high", FOO: "1" };
    const overrides = overridesIn(managed({ env }));
    expect(overrides).toEqual(["env.CLAUDE_CODE_MAX_RETRIES", "env.CLAUDE_CODE_EFFORT_LEVEL"]);
    expect(describeOverrides(overrides)).toContain("(env.CLAUDE_CODE_MAX_RETRIES, env.CLAUDE_CODE_EFFORT_LEVEL)");
    expect(overridesIn(managed({ env: null }))).toEqual([]);
  });

  it.each(["{}", ""])("that carry requests keep the CLI from serving: %j", async (value) => {
    const mods = new OverlayMods(true);
    const settings = { env: { CLAUDE_CODE_EXTRA_BODY: value }, disableAllHooks: true };
    const ask = async () => ({ type: "", response: { sources: [{ source: "policySettings", settings }] } });
    await expect(mods.verify({}, ask)).rejects.toThrow("env.CLAUDE_CODE_EXTRA_BODY");
  });
});

describe("a requested model", () => {
  it.each([
    ["sonnet", "claude-sonnet-5-5"],
    ["claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
    ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5@20250929"],
    ["claude-opus-4-6[1m]", "claude-opus-4-6"],
    ["default", "claude-opus-5-5"],
  ])("is the one the CLI calls: %s as %s", (given, applied) => {
    expect(isGivenModel(given, applied)).toBe(true);
  });

  it.each([
    ["sonnet", "claude-haiku-5-5"],
    ["claude-opus-4-5", "claude-opus-4-6"],
  ])("is not the one the CLI calls: %s as %s", (given, applied) => {
    expect(isGivenModel(given, applied)).toBe(false);
  });
});
