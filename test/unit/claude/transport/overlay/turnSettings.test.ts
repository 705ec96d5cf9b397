import { describe, expect, it } from "vitest";
import { triggerOf } from "../../../../../src/claude/protocol/trigger.ts";
import { turnSettings } from "../../../../../src/claude/transport/overlay/turnSettings.ts";
import type { OverlayRequest } from "../../../../../src/claude/transport/turnRequest.ts";

const request: OverlayRequest = {
  transport: "overlay",
  model: "opus",
  body: { max_tokens: 5, messages: [], temperature: 0.3 },
  systemCacheTtl: "1h",
  withoutTemperature: false,
};

describe("turnSettings", () => {
  it("carries the model, and the body unchanged", () => {
    const settings = turnSettings(request);
    expect(settings.model).toBe("opus");
    expect(settings.env.CLAUDE_CODE_EXTRA_BODY).toBe('{"max_tokens":5,"messages":[],"temperature":0.3}');
  });

  it("keeps the CLI from adding thinking and effort", () => {
    expect(turnSettings(request).env).toMatchObject({
      CLAUDE_CODE_DISABLE_THINKING: "1",
      CLAUDE_CODE_EFFORT_LEVEL: "unset",
    });
  });

  it.each([
    ["5m", "", "5m"],
    ["1h", "", "1h"],
    [undefined, "1", ""],
  ] as const)("with marks for %s sets DISABLE_PROMPT_CACHING to %j and their TTL to %j", (systemCacheTtl, off, ttl) => {
    expect(turnSettings({ ...request, systemCacheTtl }).env).toMatchObject({
      DISABLE_PROMPT_CACHING: off,
      CLAUDE_CODE_PROMPT_CACHE_TTL: ttl,
    });
  });

  it("makes the CLI think, so that it adds no temperature", () => {
    expect(turnSettings({ ...request, withoutTemperature: true }).env.CLAUDE_CODE_DISABLE_THINKING).toBe("0");
  });

  it("makes the CLI log upstream's headers", () => {
    expect(turnSettings(request).env.ANTHROPIC_LOG).toBe("debug");
  });

  it("sets the same keys for every request", () => {
    const other = turnSettings({
      ...request,
      model: "haiku",
      body: {},
      systemCacheTtl: undefined,
      withoutTemperature: true,
    });
    const keys = Object.keys(turnSettings(request).env);
    expect(Object.keys(other.env)).toEqual(keys);
    expect(Object.values(other.env).every((value) => typeof value === "string")).toBe(true);
  });
});

describe("trigger", () => {
  it("is a constant text in which the CLI runs no command", () => {
    expect(triggerOf(".")).toMatchObject({
      type: "user",
      client_composed: true,
      message: { role: "user", content: "." },
    });
  });
});
