import { describe, expect, it } from "vitest";
import { prepareOverlay } from "../../../src/messages/prepare.ts";
import type { MessagesRequest } from "../../../src/validation/messagesRequest.ts";

const mark = { cache_control: { type: "ephemeral" } };
const text = (value: string, extra: object = {}) => ({ type: "text", text: value, ...extra });
const request = (extra: object = {}): MessagesRequest => ({
  model: "sonnet",
  max_tokens: 10,
  messages: [{ role: "user", content: "Hi" }],
  ...extra,
});

describe("prepare", () => {
  it("removes model, system and stream from the body and keeps the rest in order", () => {
    const rest = { foo: { z: 1, a: null }, messages: request().messages, temperature: 0.3, max_tokens: 10 };
    const given = { stream: true, ...rest, system: "Be brief.", model: "sonnet" };
    const before = JSON.stringify(given);
    const { key, turn } = prepareOverlay(given, [], {});
    expect(key).toEqual({ transport: "overlay", system: "Be brief.", betas: [] });
    expect(turn.model).toBe("sonnet");
    expect(JSON.stringify(turn.body)).toBe(JSON.stringify(rest));
    expect(JSON.stringify(given)).toBe(before);
  });

  it.each([
    ["claude-old", "opus"],
    ["claude-other", "claude-other"],
    ["opus", "opus"],
    ["toString", "toString"],
  ])("asks for the model %s as %s", (model, expected) => {
    expect(prepareOverlay(request({ model }), [], { "claude-old": "opus" }).turn.model).toBe(expected);
  });

  it.each([
    [undefined, ""],
    [null, ""],
    ["", ""],
    ["Be brief.", "Be brief."],
    [[], ""],
    [[text("One"), text("Two")], "One\n\nTwo"],
  ])("makes of the system %j the text %j", (system, expected) => {
    expect(prepareOverlay(request({ system }), [], {}).key.system).toBe(expected);
  });

  it.each<[string, string[], string[]]>([
    ["none for none", [], []],
    [
      "known or not, sorted",
      ["context-1m-2025-08-07", "brand-new-2027-01-01", "compact-2026-01-12"],
      ["brand-new-2027-01-01", "compact-2026-01-12", "context-1m-2025-08-07"],
    ],
    ["each once", ["compact-2026-01-12", "compact-2026-01-12"], ["compact-2026-01-12"]],
    [
      "not those of the server or the CLI",
      ["files-api-2025-04-14", "message-batches-2024-09-24", "claude-code-20250219", "compact-2026-01-12"],
      ["compact-2026-01-12"],
    ],
    ["not invalid names", ["", "a b", "é", "x".repeat(101), "a\nb"], []],
  ])("carries of the betas %s", (_which, betas, expected) => {
    const given = [...betas];
    expect(prepareOverlay(request(), given, {}).key.betas).toEqual(expected);
    expect(given).toEqual(betas);
  });

  it("has a key that depends only on system and betas", () => {
    const system = [text("Be brief.")];
    const one = prepareOverlay(request({ system }), ["compact-2026-01-12", "context-1m-2025-08-07"], {});
    const other = prepareOverlay(
      request({ system: "Be brief.", model: "opus", stream: true, temperature: 1 }),
      ["context-1m-2025-08-07", "files-api-2025-04-14", "compact-2026-01-12"],
      {},
    );
    expect(one.key).toEqual(other.key);
  });

  const kept = (ttl: string) => ({ cache_control: { type: "ephemeral", ttl } });
  it.each<[string, object, "5m" | "1h" | undefined]>([
    ["there is no system", {}, undefined],
    ["the system is a text", { system: "Be brief." }, undefined],
    ["the client set no breakpoint", { system: [text("Be brief.")] }, undefined],
    ["the client set a breakpoint elsewhere", { ...mark, system: [text("Be brief.")] }, undefined],
    ["the client set a breakpoint on the system", { system: [text("Be brief.", mark)] }, "5m"],
    ["the client set one for an hour", { system: [text("Be brief.", mark), text("x", kept("1h"))] }, "1h"],
    ["two other breakpoints leave room", { tools: [mark, mark], system: [text("Be brief.", mark)] }, "5m"],
    [
      "three other breakpoints leave no room",
      { tools: [mark, mark, mark], system: [text("Be brief.", mark)] },
      undefined,
    ],
    ["three other breakpoints and an empty text", { tools: [mark, mark, mark], system: [text("", mark)] }, "5m"],
  ])("decides on the system's marks when %s", (_when, extra, expected) => {
    expect(prepareOverlay(request(extra), [], {}).turn.systemCacheTtl).toBe(expected);
  });

  it.each<[string, object, boolean]>([
    ["claude-haiku-4-5-20251001", { top_p: 0.9 }, true],
    ["claude-sonnet-4-6", { top_p: 0.9 }, true],
    ["us.anthropic.claude-3-5-haiku-20241022-v1:0", { top_p: 0.9 }, true],
    ["claude-opus-4@20250514", { top_p: 0.9 }, true],
    ["old", { top_p: 0.9 }, true],
    ["claude-haiku-4-5-20251001", { top_p: 0.9, temperature: 1 }, false],
    ["claude-haiku-4-5-20251001", { top_k: 5 }, false],
    ["claude-opus-4-7", { top_p: 0.9 }, false],
    ["claude-sonnet-5-5", { top_p: 0.9 }, false],
    ["sonnet", { top_p: 0.9 }, false],
  ])("keeps a temperature away from %s beside %j: %s", (model, extra, expected) => {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const map = { old: "claude-opus-4-20250514" };
    const { turn } = prepareOverlay(request({ model, ...extra }), [], map);
    expect(turn.withoutTemperature).toBe(expected);
    expect(turn.body.thinking).toEqual(expected ? { type: "disabled" } : undefined);
    expect(prepareOverlay(request({ model, thinking, ...extra }), [], map).turn.body.thinking).toEqual(thinking);
  });
});
