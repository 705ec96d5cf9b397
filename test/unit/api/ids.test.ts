import { describe, expect, it } from "vitest";
import { newId } from "../../../src/api/ids.ts";

describe("newId", () => {
  it("makes ids in Anthropic's form, none twice", () => {
    const ids = Array.from({ length: 1000 }, () => newId("req"));
    for (const id of ids) expect(id).toMatch(/^req_[1-9A-HJ-NP-Za-km-z]{24}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("uses the whole alphabet", () => {
    const characters = new Set(Array.from({ length: 1000 }, () => newId("req").slice(4)).join(""));
    expect(characters.size).toBe(58);
  });
});
