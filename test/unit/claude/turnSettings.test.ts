import { describe, expect, it } from "vitest";
import { trigger, turnSettings } from "../../../src/claude/turnSettings.ts";

const request = { model: "opus", body: { max_tokens: 5, messages: [], temperature: 0.3 }, markSystem: true };

describe("turnSettings", () => {
  it("carries the model, and the body as it is", () => {
    const settings = turnSettings(request);
    expect(settings.model).toBe("opus");
    expect(settings.env.CLAUDE_CODE_EXTRA_BODY).toBe('{"max_tokens":5,"messages":[],"temperature":0.3}');
  });

  it("keeps the CLI from adding thinking and effort of its own", () => {
    expect(turnSettings(request).env).toMatchObject({
      CLAUDE_CODE_DISABLE_THINKING: "1",
      CLAUDE_CODE_EFFORT_LEVEL: "unset",
    });
  });

  it.each([
    [true, ""],
    [false, "1"],
  ])("with markSystem %s sets DISABLE_PROMPT_CACHING to %j", (markSystem, expected) => {
    expect(turnSettings({ ...request, markSystem }).env.DISABLE_PROMPT_CACHING).toBe(expected);
  });

  it("makes the CLI tell of upstream's headers", () => {
    expect(turnSettings(request).env.ANTHROPIC_LOG).toBe("debug");
  });

  it("sets the same keys for every request", () => {
    const other = turnSettings({ model: "haiku", body: {}, markSystem: false });
    const keys = Object.keys(turnSettings(request).env);
    expect(Object.keys(other.env)).toEqual(keys);
    expect(Object.values(other.env).every((value) => typeof value === "string")).toBe(true);
  });
});

describe("trigger", () => {
  it("is a constant text that the CLI runs no command for", () => {
    expect(trigger).toMatchObject({ type: "user", client_composed: true, message: { role: "user", content: "." } });
  });
});
