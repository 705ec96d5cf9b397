import { describe, expect, it } from "vitest";
import { type PageQuery, pageOf as pageOfAny } from "../../../src/api/paging.ts";

const info = (id: string) => ({ id });
const pageOf = (items: { id: string }[], query: PageQuery) => pageOfAny(items, query, "model");

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
