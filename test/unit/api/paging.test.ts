import { describe, expect, it } from "vitest";
import { newId } from "../../../src/api/ids.ts";
import {
  type Created,
  newestFirst,
  type PageQuery,
  pageOf as pageOfAny,
  pageOfCreated,
} from "../../../src/api/paging.ts";

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

  it("has no ids for an empty list", () => {
    expect(pageOf([], {})).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
  });

  it("has twenty items by default", () => {
    const many = Array.from({ length: 21 }, (_, index) => info(`m${index}`));
    expect(pageOf(many, {})).toMatchObject({ first_id: "m0", last_id: "m19", has_more: true });
  });

  it.each([1, 2, 3, 7])("pages through the whole catalog in both directions, %i at a time", (size) => {
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

describe("pageOfCreated", () => {
  const NOW = Date.parse("2026-11-22T12:00:00Z");
  const made = (time: number, id = newId("file", time)): Created => ({ id, created_at: new Date(time).toISOString() });
  /** Each item is a millisecond older than the one before it. */
  const some = (count: number) => Array.from({ length: count }, (_, age) => made(NOW - age));
  const page = (items: Created[], query: PageQuery) => pageOfCreated(items, query, "file", "file");
  const idsOf = (items: Created[]) => items.map(({ id }) => id);

  it.each(["after_id", "before_id"])("finds the position of a deleted item, by its %s", (name) => {
    const all = some(6);
    for (const [at, { id }] of all.entries()) {
      const left = all.toSpliced(at, 1);
      const expected = name === "after_id" ? left.slice(at) : left.slice(0, at);
      expect(page(left, { [name]: id }).data).toEqual(expected);
      expect(page([], { [name]: id })).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
    }
  });

  it("finds the position among ids of the same millisecond", () => {
    const all = Array.from({ length: 6 }, () => made(NOW)).sort(newestFirst);
    for (const [at, { id }] of all.entries()) {
      expect(page(all.toSpliced(at, 1), { after_id: id }).data).toEqual(all.slice(at + 1));
    }
  });

  it.each(["after_id", "before_id"] as const)("pages through a list whose items are being deleted, by %s", (name) => {
    const backwards = name === "before_id";
    const all = some(47);
    const end = made(NOW - 1000);
    let left = [...all];
    const seen: string[] = [];
    let query: PageQuery = backwards ? { before_id: end.id } : {};
    for (let more = true; more; ) {
      const { data, has_more, first_id, last_id } = page(left, query);
      const ids = idsOf(data);
      if (backwards) seen.unshift(...ids);
      else seen.push(...ids);
      left = left.filter(({ id }) => !ids.includes(id));
      more = has_more;
      query = backwards ? { before_id: first_id! } : { after_id: last_id! };
    }
    expect([seen, left]).toEqual([idsOf(all), []]);
  });

  it("lists old ids by their time, and knows their position until they are deleted", () => {
    const old = ["b", "z", "1"].map((letter, age) => made(NOW - 1000 - age, `file_${letter.repeat(24)}`));
    const all = [...some(2), ...old];
    expect(all.toReversed().sort(newestFirst)).toEqual(all);
    expect(page(all, { after_id: old[0]!.id }).data).toEqual(old.slice(1));
    const message = `after_id: no file with the id '${old[0]!.id}'`;
    expect(() => page(all.toSpliced(2, 1), { after_id: old[0]!.id })).toThrow(
      expect.objectContaining({ status: 400, message }),
    );
  });

  it.each(["file_x", "", newId("msgbatch"), `file_01${"z".repeat(22)}`])("rejects the cursor %j", (id) => {
    for (const name of ["after_id", "before_id"]) {
      const expected = { status: 400, type: "invalid_request_error", message: `${name}: no file with the id '${id}'` };
      expect(() => page(some(2), { [name]: id })).toThrow(expect.objectContaining(expected));
    }
  });
});
