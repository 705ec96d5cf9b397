import { describe, expect, it } from "vitest";
import { z } from "zod";
import { issueMessage, unwrapUnion } from "../../../src/validation/issueMessages.ts";

const EXPECTED_OBJECT = "Input should be a valid dictionary or object to extract fields from";
const list = z.array(z.looseObject({ type: z.string() }));
const inner = z.union([z.string(), list]);
const nested = z.union([z.string(), z.array(z.looseObject({ content: inner }))]);

function words(schema: z.ZodType, input: unknown): string {
  const issue = schema.safeParse(input).error!.issues[0]!;
  return issueMessage(unwrapUnion(issue, input), input);
}

describe("issueMessage", () => {
  it.each<[string, z.ZodType, unknown]>([
    ["Field required", z.string(), undefined],
    ["Input should be a valid string", z.string(), 5],
    ["Input should be a valid string", z.string(), null],
    ["Input should be a valid number", z.number(), "5"],
    ["Input should be a valid boolean", z.boolean(), "true"],
    ["Input should be a valid list", z.array(z.string()), {}],
    [EXPECTED_OBJECT, z.object({}), []],
    ["Input should be a valid dictionary", z.record(z.string(), z.string()), []],
    ["as the schema says", z.string().min(3, "as the schema says"), "ab"],
  ])("is %j for %s", (expected, schema, value) => {
    expect(words(z.looseObject({ field: schema }), { field: value })).toBe(`field: ${expected}`);
  });

  it("has no path for the whole input", () => {
    expect(words(z.object({}), "text")).toBe(EXPECTED_OBJECT);
  });

  it("has keys and positions in its path", () => {
    const schema = z.object({ a: z.array(z.object({ b: z.string() })) });
    expect(words(schema, { a: [{ b: "x" }, {}] })).toBe("a.1.b: Field required");
  });
});

describe("unwrapUnion, for a string or a list", () => {
  it.each<[string, z.ZodType, unknown]>([
    ["a: Field required", inner, undefined],
    ["a: Input should be a valid list", inner, 5],
    ["a: Input should be a valid list", inner, null],
    ["a: Input should be a valid list", inner, {}],
    [`a.0: ${EXPECTED_OBJECT}`, inner, ["x"]],
    ["a.1.type: Field required", inner, [{ type: "x" }, {}]],
    ["a.0.content: Field required", nested, [{}]],
    ["a.0.content: Input should be a valid list", nested, [{ content: 5 }]],
    ["a.0.content.0.type: Input should be a valid string", nested, [{ content: [{ type: 5 }] }]],
  ])("is %j", (expected, schema, value) => {
    expect(words(z.looseObject({ a: schema }), { a: value })).toBe(expected);
  });
});
