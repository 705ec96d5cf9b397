import { getTokenizer } from "@anthropic-ai/tokenizer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadTokenizer, MAX_PIECE_BYTES } from "../../../src/tokens/tokenizer.ts";
import { unabortedSlices } from "../../support/slices.ts";

const tokenizer = await loadTokenizer(unabortedSlices());
const official = getTokenizer();

const TEXTS: [string, string][] = [
  ["equal letters", "a"],
  ["letters", "qzjxkvbpygfw"],
  ["blanks", " "],
  ["line breaks", "\n"],
  ["blanks and line breaks", "  \n"],
  ["digits", "3141592653589793"],
  ["marks", "!?-=#/.{[("],
  ["Chinese", "天地玄黄宇宙洪荒"],
  ["emoji", "🙂👨‍👩‍👧🇫🇷"],
  ["halves of surrogate pairs", "\ud800"],
  ["combining marks", "e\u0301\u0302"],
  ["base64", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"],
];

describe("the tokenizer", () => {
  it.each(TEXTS)("merges %s in bounded pieces, no more than the bytes", (_name, text) => {
    const long = text.repeat(Math.ceil(20_000 / text.length));
    const pieces = [...tokenizer.pieces(long)];
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(MAX_PIECE_BYTES);
    expect(pieces.join("").length).toBe(Buffer.byteLength(long));
  });

  it.each(TEXTS)("splits %s like the published tokenizer", (_name, text) => {
    const short = text.repeat(2);
    // the two replace lone surrogates differently
    if (Buffer.from(short).toString() === short)
      expect([...tokenizer.ranks(short)]).toEqual([...official.encode(short)]);
  });

  it("splits any text like the published tokenizer", () => {
    const words = fc.string({ unit: fc.constantFrom(..."aetE 019\n.,'\"{}:é日🙂"), maxLength: 40 });
    fc.assert(
      fc.property(words, (text) => {
        expect([...tokenizer.ranks(text)]).toEqual([...official.encode(text)]);
      }),
    );
  });
});
