import fc from "fast-check";
import { expect, it } from "vitest";
import { spacedJson } from "../../../src/tokens/spacedJson.ts";

const written = (value: unknown) => [...spacedJson(value)].join("");

it("has a space after commas and colons, and leaves out undefined fields", () => {
  const schema = { type: "object", properties: {}, required: ["a", "b"], more: undefined, last: null };
  expect(written(schema)).toBe('{"type": "object", "properties": {}, "required": ["a", "b"], "last": null}');
});

it("is JSON of the same value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.stringify(JSON.parse(written(value)))).toBe(JSON.stringify(value));
    }),
  );
});

it("is yielded in chunks", () => {
  const chunks = [...spacedJson(Array.from({ length: 10_000 }, (_, index) => index))];
  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(3000);
});
