import { describe, expect, it } from "vitest";
import { MAX_DEPTH } from "../../../src/api/depth.ts";
import { BodyBounds, MAX_MEMBERS, MAX_VALUES } from "../../../src/validation/bodyBounds.ts";
import { Random } from "../../support/random.ts";

/** Adds the text in these chunks. Returns the message of the refusal, if any. */
function refusalOf(pieces: Iterable<Uint8Array>): string | undefined {
  const bounds = new BodyBounds();
  try {
    for (const piece of pieces) bounds.take(piece);
  } catch (error) {
    expect(error).toMatchObject({ status: 400, type: "invalid_request_error" });
    return (error as Error).message;
  }
  return undefined;
}

const refusal = (text: string) => refusalOf([Buffer.from(text)]);
const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const list = (length: number, element = "1") => `[${Array(length).fill(element).join()}]`;

describe("a body is rejected while it arrives", () => {
  it("if it is nested too deep, at the first bracket too many", () => {
    expect(refusal(nested(MAX_DEPTH))).toBeUndefined();
    expect(refusal("[".repeat(MAX_DEPTH + 1))).toBe(`The request body is nested deeper than ${MAX_DEPTH} levels.`);
    expect(refusal('{"a":'.repeat(MAX_DEPTH + 1))).toMatch(/deeper/);
    expect(refusal(list(2 * MAX_DEPTH, "[]"))).toBeUndefined();
  });

  it("if a list or an object has too many elements", () => {
    const members = `The request body has an object or list of more than ${MAX_MEMBERS} elements.`;
    expect(refusal(list(MAX_MEMBERS))).toBeUndefined();
    expect(refusal(list(MAX_MEMBERS + 1))).toBe(members);
    expect(refusal(`{"x":[1,2],"a":${list(MAX_MEMBERS + 1, '{"k":1}')}}`)).toBe(members);
  });

  it("if it has too many values", () => {
    const full = list(MAX_MEMBERS);
    const most = MAX_VALUES / MAX_MEMBERS;
    expect(
      refusal(
        `[${Array(most - 1)
          .fill(full)
          .join()}]`,
      ),
    ).toBeUndefined();
    expect(
      refusal(
        `[${Array(most + 1)
          .fill(full)
          .join()}]`,
      ),
    ).toBe(`The request body holds more than ${MAX_VALUES} values.`);
  });

  it("but not for the content of strings, however long and however split", () => {
    const random = new Random(7);
    const parts = ["[".repeat(2000), ",".repeat(300), '\\"', "\\\\", "\\u005b", "x".repeat(500), "é"];
    for (let seed = 0; seed < 60; seed++) {
      const strings = Array.from({ length: 20 }, () =>
        Array.from({ length: random.below(12) }, () => parts[random.below(parts.length)]).join(""),
      );
      const text = `{${strings.map((string, n) => `"${n}":"${string}"`).join()}}`;
      // must be valid JSON
      JSON.parse(text);
      expect(refusalOf(random.pieces(Buffer.from(text), [1, 7, 70, 3000][seed % 4]!))).toBeUndefined();
      const deep = Buffer.from(`${text.slice(0, -1)},"deep":${"[".repeat(MAX_DEPTH)}`);
      expect(refusalOf(random.pieces(deep, [1, 7, 70, 3000][seed % 4]!))).toMatch(/deeper/);
    }
  });
});
