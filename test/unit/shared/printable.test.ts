import { describe, expect, it } from "vitest";
import { printable } from "../../../src/shared/printable.ts";

describe("printable", () => {
  it.each([
    ["/v1/models/größe", "/v1/models/größe"],
    ["a\r\n[info] forged", "a\\u000d\\u000a[info] forged"],
    ["\u001b[2J\u009b2J\u007f", "\\u001b[2J\\u009b2J\\u007f"],
    ["a\u2028b\u202ec\u200bd\ufeff", "a\\u2028b\\u202ec\\u200bd\\ufeff"],
    ["\ud800", "\\ud800"],
    ["😀", "😀"],
  ])("escapes invisible characters in %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("keeps a prefix of bounded length", () => {
    expect(printable("x".repeat(1_000_000))).toBe(`${"x".repeat(200)}…`);
    expect(printable("abc", 2)).toBe("ab…");
    // a surrogate pair that the limit splits
    expect(printable("a😀", 2)).toBe("a\\ud83d…");
  });
});
