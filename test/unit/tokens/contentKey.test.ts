import fc from "fast-check";
import { expect, it } from "vitest";
import { contentKey } from "../../../src/tokens/contentKey.ts";
import { unabortedSlices } from "../../support/slices.ts";

const key = (value: unknown) => contentKey(value, unabortedSlices());

it("is equal for equal JSON only", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (one, other) => {
      const isSame = JSON.stringify(one) === JSON.stringify(other);
      expect((await key(one)) === (await key(other))).toBe(isSame);
      expect(await key(one)).toBe(await key(JSON.parse(JSON.stringify(one))));
    }),
  );
});

it.each([
  [
    ["ab", "c"],
    ["a", "bc"],
  ],
  [["1"], [1]],
  [[[1], 2], [[1, 2]]],
  [{ a: { b: 1 } }, { a: {}, b: 1 }],
  [{}, []],
  [[null], ["null"]],
  ["x".repeat(70_000), `${"x".repeat(69_999)}y`],
])("differs between %j and %j", async (one, other) => expect(await key(one)).not.toBe(await key(other)));
