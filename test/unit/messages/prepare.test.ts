import { describe, expect, it } from "vitest";
import type { MessagesRequest } from "../../../src/api/messagesRequest.ts";
import { prepare } from "../../../src/messages/prepare.ts";

const mark = { cache_control: { type: "ephemeral" } };
const text = (value: string, extra: object = {}) => ({ type: "text", text: value, ...extra });
const request = (extra: object = {}): MessagesRequest => ({
  model: "sonnet",
  max_tokens: 10,
  messages: [{ role: "user", content: "Hi" }],
  ...extra,
});

describe("prepare", () => {
  it("takes model, system and stream out of the body and leaves the rest as it is, in its order", () => {
    const rest = { foo: { z: 1, a: null }, messages: request().messages, temperature: 0.3, max_tokens: 10 };
    const given = { stream: true, ...rest, system: "Be brief.", model: "sonnet" };
    const before = JSON.stringify(given);
    const { key, turn } = prepare(given, [], {});
    expect(key).toEqual({ system: "Be brief.", betas: [] });
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
    expect(prepare(request({ model }), [], { "claude-old": "opus" }).turn.model).toBe(expected);
  });

  it.each([
    [undefined, ""],
    [null, ""],
    ["", ""],
    ["Be brief.", "Be brief."],
    [[], ""],
    [[text("One"), text("Two")], "One\n\nTwo"],
  ])("makes of the system %j the text %j", (system, expected) => {
    expect(prepare(request({ system }), [], {}).key.system).toBe(expected);
  });

  it.each<[string, string[], string[]]>([
    ["none for none", [], []],
    [
      "those that change the API, sorted",
      ["context-1m-2025-08-07", "compact-2026-01-12"],
      ["compact-2026-01-12", "context-1m-2025-08-07"],
    ],
    ["each once", ["compact-2026-01-12", "compact-2026-01-12"], ["compact-2026-01-12"]],
    [
      "no others",
      ["files-api-2025-04-14", "message-batches-2024-09-24", "brand-new-2027-01-01", "compact-2026-01-12"],
      ["compact-2026-01-12"],
    ],
  ])("carries of the betas %s", (_which, betas, expected) => {
    const given = [...betas];
    expect(prepare(request(), given, {}).key.betas).toEqual(expected);
    expect(given).toEqual(betas);
  });

  it("gives requests that differ in anything but system and betas the same key", () => {
    const system = [text("Be brief.")];
    const one = prepare(request({ system }), ["compact-2026-01-12", "context-1m-2025-08-07"], {});
    const other = prepare(
      request({ system: "Be brief.", model: "opus", stream: true, temperature: 1 }),
      ["context-1m-2025-08-07", "unknown-2027-01-01", "compact-2026-01-12"],
      {},
    );
    expect(one.key).toEqual(other.key);
  });

  it.each<[string, object, boolean]>([
    ["there is no system", {}, false],
    ["the system is a text", { system: "Be brief." }, false],
    ["the client marked nothing", { system: [text("Be brief.")] }, false],
    ["the client marked something else", { ...mark, system: [text("Be brief.")] }, false],
    ["the client marked the system", { system: [text("Be brief.", mark)] }, true],
    ["two other marks leave room for it", { tools: [mark, mark], system: [text("Be brief.", mark)] }, true],
    ["three other marks leave no room", { tools: [mark, mark, mark], system: [text("Be brief.", mark)] }, false],
    ["three other marks stand beside an empty text", { tools: [mark, mark, mark], system: [text("", mark)] }, true],
  ])("decides on the system's marks when %s", (_when, extra, expected) => {
    expect(prepare(request(extra), [], {}).turn.markSystem).toBe(expected);
  });
});
