import { describe, expect, it } from "vitest";
import { keepText, parseToolInput, stringify, textOf } from "../../../src/api/exactJson.ts";

describe("the input of a tool", () => {
  it.each(['{"id": 1234567890123456789}', '{"b":1,"1":2,"a":3,"0":4,"a":-0}', '[1.0, 1e400, "\\u00e9$&"]'])(
    "is serialized to its source text: %s",
    (json) => {
      const message = {
        content: [{ input: parseToolInput(json) }, { input: parseToolInput('{"n": 2}') }],
        more: ["$1"],
      };
      expect(stringify(message)).toBe(`{"content":[{"input":${json}},{"input":{"n": 2}}],"more":["$1"]}`);
    },
  );

  it.each([
    ['{"a": 12345678901234567890, "b', '{"a": 12345678901234567890}'],
    ['{"a":\r\n 1}', '{"a":   1}'],
    ['"text"', '"text"'],
    ["", "{}"],
  ])("is one line of JSON where %j is cut off, or has lines, or is no object", (json, written) => {
    expect(stringify({ input: parseToolInput(json) })).toBe(`{"input":${written}}`);
  });

  it("is rejected before it is parsed if it has more values than a model writes", () => {
    const many = (count: number) => `[${"12,".repeat(count - 1)}12]`;
    expect(() => parseToolInput(many(200_000))).toThrow(/more than 100000 values/);
    expect(parseToolInput(`[${" ".repeat(300_000)}1,2]`)).toEqual([1, 2]);
  });

  const [OPEN, CLOSED] = ["[".repeat(40_000), "]".repeat(40_000)];
  it.each([
    ["whole", `${OPEN}1${CLOSED}`],
    ["cut off", `${OPEN}1, "x`],
  ])("is written however deep it is nested, %s", (_how, json) => {
    expect(stringify({ input: parseToolInput(json) }) === `{"input":${OPEN}1${CLOSED}}`).toBe(true);
  });
});

describe("a kept text", () => {
  const value = keepText({ a: 1 }, '{"a":1.0}');

  it("belongs to the value, not to a changed copy of it", () => {
    expect([textOf(value), textOf({ ...value, a: 2 })]).toEqual(['{"a":1.0}', undefined]);
  });

  it("is not a field", () => {
    expect([JSON.stringify(value), Object.keys(value)]).toEqual(['{"a":1}', ["a"]]);
  });
});
