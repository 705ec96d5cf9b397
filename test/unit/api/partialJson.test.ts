import { describe, expect, it } from "vitest";
import { completeJson } from "../../../src/api/partialJson.ts";

const parsePartial = (json: string) => JSON.parse(completeJson(json) ?? "{}");

describe("JSON that was cut off", () => {
  it.each([
    ["", {}],
    ["{", {}],
    ['{"at', {}],
    ['{"at": "a b', {}],
    ['{"at": "a b"', {}],
    ['{"at": "a b", "n', { at: "a b" }],
    ['{"at": "a, b}", "deep": [1, {"x": true}, {"y', { at: "a, b}", deep: [1, { x: true }, {}] }],
    ['{"quote": "\\\\", "escaped": "\\"}", "rest', { quote: "\\", escaped: '"}' }],
    ['{"done": {"all": [1, 2]}', { done: { all: [1, 2] } }],
    ["no JSON at all", {}],
  ])("%s gives what is complete of it", (json, value) => {
    expect(parsePartial(json)).toEqual(value);
  });

  it("is completed for every prefix of a document, and unchanged at the end", () => {
    const document = { a: "x,y", b: [1.5, null, { c: '"]}\\' }], d: { e: { f: [] } }, g: false };
    const json = JSON.stringify(document);
    for (let end = 0; end < json.length; end++) expect(parsePartial(json.slice(0, end))).toBeTypeOf("object");
    expect(parsePartial(json)).toEqual(document);
  });

  it("completes JSON at any depth", () => {
    const depth = 100_000;
    expect(completeJson(`${"[".repeat(depth)}1`) === "[".repeat(depth) + "]".repeat(depth)).toBe(true);
  });
});
