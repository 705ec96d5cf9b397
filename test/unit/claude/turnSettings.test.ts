import { describe, expect, it } from "vitest";
import { deadSettings, liveSettings, trigger } from "../../../src/claude/turnSettings.ts";

const request = { model: "opus", body: { max_tokens: 5, messages: [], temperature: 0.3 }, markSystem: true };
const BASE_URL = "https://gateway.example/anthropic";

describe("liveSettings", () => {
  it("carries the model, and the body as it is", () => {
    const settings = liveSettings(request, BASE_URL);
    expect(settings.model).toBe("opus");
    expect(settings.env.CLAUDE_CODE_EXTRA_BODY).toBe('{"max_tokens":5,"messages":[],"temperature":0.3}');
  });

  it("keeps the CLI from adding thinking and effort of its own", () => {
    expect(liveSettings(request, BASE_URL).env).toMatchObject({
      CLAUDE_CODE_DISABLE_THINKING: "1",
      CLAUDE_CODE_EFFORT_LEVEL: "unset",
    });
  });

  it.each([
    [true, ""],
    [false, "1"],
  ])("with markSystem %s sets DISABLE_PROMPT_CACHING to %j", (markSystem, expected) => {
    expect(liveSettings({ ...request, markSystem }, BASE_URL).env.DISABLE_PROMPT_CACHING).toBe(expected);
  });

  it.each([BASE_URL, ""])("undoes the dead address with the user's own, %j", (baseUrl) => {
    expect(liveSettings(request, baseUrl).env.ANTHROPIC_BASE_URL).toBe(baseUrl);
  });

  it("sets the same keys for every request, and every key that is ever set", () => {
    const other = liveSettings({ model: "haiku", body: {}, markSystem: false }, "");
    const keys = Object.keys(liveSettings(request, BASE_URL).env);
    expect(Object.keys(other.env)).toEqual(keys);
    expect(keys).toEqual(expect.arrayContaining(Object.keys(deadSettings.env)));
    expect(Object.values(other.env).every((value) => typeof value === "string")).toBe(true);
  });
});

describe("deadSettings", () => {
  it("point at a port of this machine that cannot be connected to", async () => {
    const url = new URL(deadSettings.env.ANTHROPIC_BASE_URL);
    expect([url.hostname, url.port]).toEqual(["127.0.0.1", "0"]);
  });
});

describe("trigger", () => {
  it("is a constant text that the CLI runs no command for", () => {
    expect(trigger).toMatchObject({ type: "user", client_composed: true, message: { role: "user", content: "." } });
  });
});
