import { describe, expect, it } from "vitest";
import { parseInput, stringify } from "../../../src/api/exactJson.ts";

describe("the input of a tool", () => {
  it.each(['{"id": 1234567890123456789}', '{"b":1,"1":2,"a":3,"0":4,"a":-0}', '[1.0, 1e400, "\\u00e9$&"]'])(
    "is written as it was read: %s",
    (json) => {
      const message = { content: [{ input: parseInput(json) }, { input: parseInput('{"n": 2}') }], more: ["$1"] };
      expect(stringify(message)).toBe(`{"content":[{"input":${json}},{"input":{"n": 2}}],"more":["$1"]}`);
    },
  );

  it.each([
    ['{"a": 1, "b', '{"a":1}'],
    ['{"a":\n 1}', '{"a":1}'],
    ['"text"', '"text"'],
    ["", "{}"],
  ])("is written anew where %j is cut off, or has lines, or is no object", (json, written) => {
    expect(stringify({ input: parseInput(json) })).toBe(`{"input":${written}}`);
  });
});
