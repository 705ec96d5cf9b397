import { describe, expect, it } from "vitest";
import { JsonScan } from "../../../src/api/jsonScan.ts";

describe("JsonScan", () => {
  it.each<[unknown, number]>([
    [{ a: [1, 2, { b: "x" }] }, 5],
    ["[[[,,,{{{", 0],
    [['"', "\\", '\\"[', "["], 4],
  ])("counts values outside of strings: %j", (value, count) => {
    const json = Buffer.from(JSON.stringify(value));
    const scan = (values: number) => new JsonScan({ depth: 100, values, members: 100 }).add(json);
    expect(scan(count)).toBeUndefined();
    expect(scan(count - 1)).toBe(count === 0 ? undefined : "values");
  });
});
