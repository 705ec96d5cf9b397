import { describe, expect, it } from "vitest";
import { imageSize, imageTokens } from "../../../src/tokens/imageSize.ts";
import { png } from "../../support/images.ts";

const jpeg = (...segments: number[][]) => Buffer.from([0xff, 0xd8, ...segments.flat()]).toString("base64");
const FRAME = [0xff, 0xc0, 0, 17, 8, 0, 34, 0, 12];

describe("an image", () => {
  it("costs width × height / 750", () => {
    expect(imageTokens(1000, 1000)).toBe(1334);
    expect(imageTokens(200, 200)).toBe(54);
  });

  it("is scaled down first", () => {
    expect(imageTokens(8000, 800)).toBe(imageTokens(1568, 156.8));
    expect(imageTokens(4000, 4000)).toBe(1600);
  });

  it.each([
    ["PNG", png(12, 34)],
    ["GIF", Buffer.from("GIF89a\x0c\x00\x22\x00", "latin1").toString("base64")],
    ["JPEG", jpeg([0xff, 0xe0, 0, 4, 0, 0], FRAME)],
    ["JPEG with a large profile", jpeg([0xff, 0xe2, 0xff, 0xff, ...Array(65_533).fill(0)], FRAME)],
    ["WebP", Buffer.from("RIFF0000WEBPVP8X0000\x00\x00\x00\x00\x0b\x00\x00\x21\x00\x00", "latin1").toString("base64")],
  ])("is read from %s", (_name, base64) => {
    expect(imageSize(base64)).toEqual({ width: 12, height: 34 });
  });

  it.each([
    ["nothing", ""],
    ["a text", "aGVsbG8gd29ybGQsIGhlbGxv"],
    ["a truncated PNG", png(12, 34).slice(0, 16)],
    ["a JPEG of empty segments", jpeg(...Array(2000).fill([0xff, 0xe0, 0, 2]), FRAME)],
  ])("that is %s has none", (_name, base64) => expect(imageSize(base64)).toBeUndefined());

  it("is decoded only up to its header", () => {
    const decoded: number[] = [];
    const text = png(12, 34).padEnd(1_000_000, "A");
    const slice = (from: number, to: number) => {
      decoded.push(to - from);
      return text.slice(from, to);
    };
    const base64 = { length: text.length, slice };
    expect(imageSize(base64 as unknown as string)).toEqual({ width: 12, height: 34 });
    expect(Math.max(...decoded)).toBeLessThan(100);
  });
});
