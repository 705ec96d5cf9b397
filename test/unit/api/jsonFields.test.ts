import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastOfEach, spliceJson, topLevelFields } from "../../../src/api/jsonFields.ts";

const valuesOf = (text: string) => topLevelFields(text).map(({ name, from, to }) => [name, text.slice(from, to)]);

describe("topLevelFields", () => {
  it.each([
    ["{}", []],
    [
      ' {\r\n "a" : 1 ,\t"b":"\\"}{" }\n',
      [
        ["a", "1"],
        ["b", '"\\"}{"'],
      ],
    ],
    [
      '{"a":[{"b":"]"},[]],"c":{"d":{"e":"\\\\"}},"f":null}',
      [
        ["a", '[{"b":"]"},[]]'],
        ["c", '{"d":{"e":"\\\\"}}'],
        ["f", "null"],
      ],
    ],
    [
      '{"m\\u006fdel":1.0,"model":-0e5}',
      [
        ["model", "1.0"],
        ["model", "-0e5"],
      ],
    ],
    ['{"a":true}', [["a", "true"]]],
  ])("of %j are these", (text, expected) => {
    expect(valuesOf(text)).toEqual(expected);
  });

  it("finds the fields of any JSON, with their values", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
        fc.constantFrom("", " ", "\t"),
        (value, blank) => {
          const text = JSON.stringify(value, null, blank);
          const parsed = valuesOf(text).map(([name, json]) => [name, JSON.parse(json as string)]);
          expect(Object.fromEntries(parsed)).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  it("keeps the last of repeated names", () => {
    const text = '{"a":1,"b":2,"a":3}';
    expect(lastOfEach(topLevelFields(text)).map(({ name, from, to }) => [name, text.slice(from, to)])).toEqual([
      ["b", "2"],
      ["a", "3"],
    ]);
  });
});

describe("spliceJson", () => {
  const text = '{ "n": 12345678901234567890, "m": [ {"c":[{"s":{"file":"f1"},"x":1.0}, {"s":2}]}, 1e2 ], "o":"é" }';
  const before = JSON.parse(text);

  it("returns the same text without changes", () => {
    expect(spliceJson(text, before, before)).toBe(text);
    expect(spliceJson(text, before, { ...before })).toBe(text);
  });

  it("rewrites only what has changed", () => {
    const [message, number] = before.m;
    const [block, other] = message.c;
    const after = {
      ...before,
      m: [{ ...message, c: [{ ...block, s: { type: "base64", data: "YQ==" } }, other] }, number],
    };
    expect(spliceJson(text, before, after)).toBe(text.replace('{"file":"f1"}', '{"type":"base64","data":"YQ=="}'));
    expect(spliceJson(text, before, { ...before, o: 5 })).toBe(text.replace('"é"', "5"));
    expect(spliceJson(text, before, { ...before, m: [] })).toBe('{ "n": 12345678901234567890, "m": [], "o":"é" }');
  });
});
