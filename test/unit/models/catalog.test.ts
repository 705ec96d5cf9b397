import { describe, expect, it } from "vitest";
import { findModel, type ModelInfo, pageOf, toCatalog } from "../../../src/models/catalog.ts";

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

describe("pageOf", () => {
  const catalog = [..."abcde"].map((id) => info(id));

  it.each([
    [{}, "abcde", false],
    [{ limit: "5" }, "abcde", false],
    [{ limit: "1000" }, "abcde", false],
    [{ limit: "2" }, "ab", true],
    [{ limit: "1" }, "a", true],
    [{ after_id: "b" }, "cde", false],
    [{ after_id: "b", limit: "2" }, "cd", true],
    [{ after_id: "c", limit: "2" }, "de", false],
    [{ after_id: "e" }, "", false],
    [{ before_id: "d" }, "abc", false],
    [{ before_id: "d", limit: "2" }, "bc", true],
    [{ before_id: "d", limit: "3" }, "abc", false],
    [{ before_id: "a" }, "", false],
    [{ after_id: "a", before_id: "e" }, "bcd", false],
    [{ after_id: "a", before_id: "e", limit: "2" }, "bc", true],
    [{ after_id: "a", before_id: "e", limit: "3" }, "bcd", false],
    [{ after_id: "d", before_id: "b" }, "", false],
  ])("for %j holds %j, and more: %s", (query, ids, hasMore) => {
    expect(pageOf(catalog, query)).toEqual({
      data: [...ids].map((id) => info(id)),
      has_more: hasMore,
      first_id: ids.at(0) ?? null,
      last_id: ids.at(-1) ?? null,
    });
  });

  it("has no ids when there is nothing to list", () => {
    expect(pageOf([], {})).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
  });

  it("holds twenty unless told otherwise", () => {
    const many = Array.from({ length: 21 }, (_, index) => info(`m${index}`));
    expect(pageOf(many, {})).toMatchObject({ first_id: "m0", last_id: "m19", has_more: true });
  });

  it.each([1, 2, 3, 7])("leads through the whole catalog in both directions, %i at a time", (size) => {
    const limit = String(size);
    const forwards: string[] = [];
    for (let page = pageOf(catalog, { limit }); ; page = pageOf(catalog, { limit, after_id: page.last_id! })) {
      forwards.push(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
    }
    expect(forwards.join("")).toBe("abcde");
    const backwards: string[] = [];
    for (let page = pageOf(catalog, { limit, before_id: "e" }); ; ) {
      backwards.unshift(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
      page = pageOf(catalog, { limit, before_id: page.first_id! });
    }
    expect(backwards.join("")).toBe("abcd");
  });

  it.each([
    [{ limit: "0" }, "limit: Input should be greater than or equal to 1"],
    [{ limit: "-3" }, "limit: Input should be greater than or equal to 1"],
    [{ limit: "1001" }, "limit: Input should be less than or equal to 1000"],
    [{ limit: "ten" }, "limit: Input should be a valid integer"],
    [{ limit: "1.5" }, "limit: Input should be a valid integer"],
    [{ limit: "1e2" }, "limit: Input should be a valid integer"],
    [{ limit: "" }, "limit: Input should be a valid integer"],
    [{ after_id: "z" }, "after_id: no model with the id 'z'"],
    [{ before_id: "z" }, "before_id: no model with the id 'z'"],
    [{ after_id: "" }, "after_id: no model with the id ''"],
  ])("refuses %j", (query, message) => {
    const expected = { status: 400, type: "invalid_request_error", message };
    expect(() => pageOf(catalog, query)).toThrow(expect.objectContaining(expected));
  });
});
