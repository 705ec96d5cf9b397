import { describe, expect, it } from "vitest";
import { findModel, type ModelInfo, toCatalog } from "../../../src/models/catalog.ts";

const info = (id: string, displayName = id): ModelInfo => ({
  type: "model",
  id,
  display_name: displayName,
  created_at: "1970-01-01T00:00:00Z",
  max_input_tokens: null,
  max_tokens: null,
  capabilities: null,
});
const CLI_MODELS = [
  { value: "default", resolvedModel: "claude-sonnet-5-5", displayName: "Default (recommended)" },
  { value: "sonnet", resolvedModel: "claude-sonnet-5-5", displayName: "Sonnet 5.5" },
  { value: "opus", resolvedModel: "claude-opus-5", displayName: "Opus 5" },
  { value: "claude-haiku-4-5", displayName: "Haiku" },
  { value: "sonnet[1m]", resolvedModel: "claude-sonnet-5-5", displayName: "Sonnet (1M context)" },
  { value: "custom" },
];

describe("toCatalog", () => {
  it("lists the ids the CLI resolves to, then its aliases, each once, without the default", () => {
    expect(toCatalog(CLI_MODELS)).toEqual([
      info("claude-sonnet-5-5", "Sonnet 5.5"),
      info("claude-opus-5", "Opus 5"),
      info("claude-haiku-4-5", "Haiku"),
      info("custom"),
      info("sonnet", "Sonnet 5.5"),
      info("opus", "Opus 5"),
      info("sonnet[1m]", "Sonnet (1M context)"),
    ]);
  });

  it.each([[[]], [[{ value: "default", resolvedModel: "claude-sonnet-5-5" }]]])("is empty for %j", (models) => {
    expect(toCatalog(models)).toEqual([]);
  });
});

describe("findModel", () => {
  const catalog = toCatalog(CLI_MODELS);
  const modelMap = { "claude-old": "opus", "claude-gone": "nowhere", sonnet: "opus" };

  it.each([
    ["claude-opus-5", "Opus 5"],
    ["opus", "Opus 5"],
    ["claude-old", "Opus 5"],
    ["sonnet", "Opus 5"],
  ])("finds %s by the name it was asked for", (id, displayName) => {
    expect(findModel(catalog, id, modelMap)).toEqual(info(id, displayName));
  });

  it.each(["gpt-9", "claude-gone", "default", "toString", ""])("knows no model %j", (id) => {
    const expected = { status: 404, type: "not_found_error", message: `model: ${id}` };
    expect(() => findModel(catalog, id, modelMap)).toThrow(expect.objectContaining(expected));
  });
});
