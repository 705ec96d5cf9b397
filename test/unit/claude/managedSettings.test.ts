import { describe, expect, it } from "vitest";
import { forbiddingMods, keysOf, leadingAway, managedSettingsOf } from "../../../src/claude/managedSettings.ts";

const managed = (settings: Record<string, unknown>) => [{ origin: "managed settings", settings }];

describe("managed settings", () => {
  it("are those of the policy in the CLI's own account of its settings", () => {
    const sources = [
      { source: "flagSettings", settings: { model: "opus" } },
      { source: "policySettings", settings: { permissions: {} } },
    ];
    expect(managedSettingsOf({ type: "", response: { sources } })).toEqual(managed({ permissions: {} }));
    expect(managedSettingsOf({ type: "", response: {} })).toEqual([]);
    expect(managedSettingsOf({ type: "" })).toEqual([]);
  });

  it("are named without their values, variables one by one", () => {
    expect(keysOf(managed({ apiKeyHelper: "secret", env: { A: "secret", B: "secret" } }))).toEqual([
      "apiKeyHelper",
      "env.A",
      "env.B",
    ]);
  });

  it("forbid mods only where they are on", () => {
    const settings = { allowManagedHooksOnly: true, disableAllHooks: false, allowManagedModsOnly: true };
    expect(forbiddingMods(managed(settings))).toEqual(["allowManagedHooksOnly"]);
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
  it.each([...away, "apiKeyHelper", "hooks", "forceLoginMethod"])(
    "may lead calls of a self-check away by %s",
    (key) => {
      expect(leadingAway(["permissions", key])).toEqual([key]);
    },
  );

  it.each(["env.NO_PROXY", "env.DISABLE_TELEMETRY", "env.FOO", "permissions", "availableModels", "disableAllHooks"])(
    "keep them on this machine with %s",
    (key) => {
      expect(leadingAway([key])).toEqual([]);
    },
  );
});
