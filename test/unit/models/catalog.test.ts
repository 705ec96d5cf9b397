import { describe, expect, it } from "vitest";
import { findModel, likelyModels, retiredModels, toCatalog } from "../../../src/models/catalog.ts";
import { KNOWN_MODELS, KNOWN_MODELS_DATE } from "../../../src/models/knownModels.ts";
import { defaultOptions } from "../../../src/options.ts";

const CLI_MODELS = [
  { value: "default", resolvedModel: "claude-opus-5-5", displayName: "Default (recommended)" },
  { value: "sonnet", resolvedModel: "claude-sonnet-5-5", displayName: "Sonnet" },
  { value: "opus", resolvedModel: "claude-opus-5-5", displayName: "Opus" },
  { value: "claude-haiku-4-5", displayName: "Haiku" },
  { value: "sonnet[1m]", resolvedModel: "claude-sonnet-5-5[1m]", displayName: "Sonnet (1M context)" },
  { value: "custom", displayName: "My gateway's" },
];
const NEW_MODELS = [
  {
    value: "opus",
    resolvedModel: "claude-opus-6",
    displayName: "Opus 6",
    supportsEffort: true,
    supportedEffortLevels: ["low", "high"],
  },
];
const naming = { modelMap: {}, wasAnswered: () => false };
const ids = (models: { id: string }[]) => models.map(({ id }) => id);

describe("toCatalog", () => {
  it("lists the CLI's ids newest first, each before its aliases, without the default", () => {
    expect(ids(toCatalog(CLI_MODELS))).toEqual([
      "custom",
      "claude-sonnet-5-5",
      "sonnet",
      "sonnet[1m]",
      "claude-opus-5-5",
      "opus",
      "claude-haiku-4-5",
    ]);
  });

  it("fills every field of a known model", () => {
    const [model] = toCatalog(CLI_MODELS).filter(({ id }) => id === "claude-sonnet-5-5");
    expect(model).toMatchObject({
      type: "model",
      display_name: "Claude Sonnet 5.5",
      created_at: "2026-09-28T00:00:00Z",
      lifecycle: "active",
      deprecated_at: null,
      retires_at: null,
      line: "sonnet",
      max_input_tokens: 1_000_000,
      max_tokens: 128_000,
      capabilities: {
        effort: { supported: true, xhigh: { supported: true } },
        thinking: { types: { between_tools: { supported: true }, disabled: { supported: false } } },
      },
    });
  });

  it("has null for what neither the CLI nor the table knows", () => {
    const [model] = toCatalog(CLI_MODELS);
    expect(model).toEqual({
      type: "model",
      id: "custom",
      display_name: "My gateway's",
      created_at: "1970-01-01T00:00:00Z",
      lifecycle: "active",
      deprecated_at: null,
      retires_at: null,
      line: null,
      max_input_tokens: null,
      max_tokens: null,
      capabilities: null,
    });
  });

  it("has the line and the CLI's efforts for a model newer than the table, but no limits", () => {
    const [model, alias] = toCatalog(NEW_MODELS);
    expect(model).toMatchObject({
      id: "claude-opus-6",
      display_name: "Opus 6",
      line: "opus",
      max_tokens: null,
      capabilities: {
        effort: { supported: true, low: { supported: true }, medium: { supported: false }, high: { supported: true } },
        image_input: { supported: true },
      },
    });
    expect(alias).toEqual({ ...model, id: "opus" });
  });

  it("follows the CLI for a model without efforts", () => {
    const [model] = toCatalog([{ value: "opus", resolvedModel: "claude-opus-5-5", supportsEffort: false }]);
    expect(model?.capabilities?.effort.supported).toBe(false);
  });

  it.each([[[]], [[{ value: "default", resolvedModel: "claude-sonnet-5-5" }]]])("is empty for %j", (models) => {
    expect(toCatalog(models)).toEqual([]);
  });
});

describe("findModel", () => {
  const find = (id: string, more = {}) => findModel(CLI_MODELS, id, { ...naming, ...more });

  it.each([
    ["claude-opus-5-5", "Claude Opus 5.5"],
    ["opus", "Claude Opus 5.5"],
    ["opus[1m]", "Claude Opus 5.5"],
    [" Opus ", "Claude Opus 5.5"],
    ["CLAUDE-OPUS-5-5[1M]", "Claude Opus 5.5"],
    ["default", "Claude Opus 5.5"],
    ["best", "Claude Opus 5.5"],
    ["opusplan", "Claude Sonnet 5.5"],
    ["claude-haiku-4-5", "Claude Haiku 4.5"],
    ["claude-haiku-4-5-20251001", "Claude Haiku 4.5"],
    ["claude-opus-4-5", "Claude Opus 4.5"],
    ["claude-mythos-5", "Claude Mythos 5"],
    ["custom", "My gateway's"],
  ])("finds %s by the name that a message may have", (id, displayName) => {
    expect(find(id)).toMatchObject({ id, display_name: displayName });
  });

  it("finds the target of a mapped name first", () => {
    const modelMap = { "claude-old": "opus", sonnet: "opus", "gpt-4": "claude-opus-4-8" };
    for (const id of ["claude-old", "sonnet"]) {
      expect(find(id, { modelMap })).toMatchObject({ id, display_name: "Claude Opus 5.5" });
    }
    expect(find("gpt-4", { modelMap })).toMatchObject({ id: "gpt-4", display_name: "Claude Opus 4.8" });
  });

  it("finds a name that upstream has answered, with known facts", () => {
    const wasAnswered = (name: string) => name === "claude-opus-7";
    expect(find("claude-opus-7", { wasAnswered })).toMatchObject({ id: "claude-opus-7", capabilities: null });
  });

  it("has the dates of a model's end", () => {
    expect(find("claude-sonnet-4-5")).toMatchObject({
      lifecycle: "deprecated",
      deprecated_at: "2026-09-30T00:00:00Z",
      retires_at: "2026-11-30T00:00:00Z",
    });
    expect(find("claude-opus-4-1")).toMatchObject({ lifecycle: "retired", retires_at: "2026-08-05T00:00:00Z" });
  });

  it("finds a cloud's form of an id if the CLI lists such forms", () => {
    const bedrock = [{ value: "opus", resolvedModel: "us.anthropic.claude-opus-5-5" }];
    const id = "us.anthropic.claude-opus-4-5-20251101-v1:0";
    expect(findModel(bedrock, id, naming)).toMatchObject({ id, display_name: "Claude Opus 4.5" });
    expect(() => find(id)).toThrow(`model: ${id}`);
    const vertex = [{ value: "haiku", resolvedModel: "claude-haiku-4-5@20251001" }];
    expect(findModel(vertex, "claude-haiku-4-5@20251001", naming)).toMatchObject({ display_name: "Claude Haiku 4.5" });
  });

  it.each(["gpt-9", "claude-gone", "toString", ""])("knows no model %j", (id) => {
    const expected = { status: 404, type: "not_found_error", message: `model: ${id}` };
    expect(() => find(id, { modelMap: { "claude-gone": "nowhere" } })).toThrow(expect.objectContaining(expected));
  });
});

describe("the dated table", () => {
  it("has each id once, newest first, with dates that fit its stages", () => {
    const all = KNOWN_MODELS.flatMap(({ id, also }) => [id, ...also]);
    expect(new Set(all).size).toBe(all.length);
    expect(KNOWN_MODELS.map(({ released }) => released)).toEqual(
      KNOWN_MODELS.map(({ released }) => released)
        .toSorted()
        .reverse(),
    );
    for (const { id, released, lifecycle, deprecated, retires, line } of KNOWN_MODELS) {
      expect(released <= KNOWN_MODELS_DATE, id).toBe(true);
      expect(line, id).toBeDefined();
      if (lifecycle === "active") expect([deprecated, retires], id).toEqual([undefined, undefined]);
      else expect(retires, id).toMatch(/^20\d\d-\d\d-\d\d$/);
      if (lifecycle === "retired") expect(String(retires) <= KNOWN_MODELS_DATE, id).toBe(true);
    }
  });

  it("lists the newest model of each line until the CLI has answered", () => {
    expect(ids(toCatalog(likelyModels()))).toEqual([
      "claude-fable-5-2",
      "fable",
      "claude-haiku-5-5",
      "haiku",
      "claude-sonnet-5-5",
      "sonnet",
      "claude-opus-5-5",
      "opus",
    ]);
    expect(retiredModels().every(({ lifecycle }) => lifecycle === "retired")).toBe(true);
  });

  it("has no live id that the default model map redirects", () => {
    for (const id of Object.keys(defaultOptions.modelMap)) {
      const known = KNOWN_MODELS.find((model) => model.id === id || model.also.includes(id));
      expect(known?.lifecycle ?? "retired", id).toBe("retired");
    }
  });
});
