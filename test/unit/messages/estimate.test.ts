import { describe, expect, it } from "vitest";
import { estimateRequest, imageTokens } from "../../../src/messages/estimate.ts";
import { imageSize } from "../../../src/messages/imageSize.ts";
import { publicTokens } from "../../../src/messages/tokenizer.ts";
import { png } from "../../support/images.ts";

const request = (messages: { role: "user" | "assistant"; content: string | { type: string }[] }[], rest = {}) => ({
  model: "claude-sonnet-4-5",
  messages,
  ...rest,
});
const estimate = (body: ReturnType<typeof request>) => estimateRequest(body, publicTokens);

/** Recorded answers of the API, from the public test recordings of pydantic-ai. */
const RECORDED: [number, ReturnType<typeof request>][] = [
  [14, request([{ role: "user", content: "Tell me a brief fact about Paris" }])],
  [16, request([{ role: "user", content: "What is 2 + 2?" }])],
  [19, request([{ role: "user", content: "The quick brown fox jumps over the lazydog." }])],
  [
    1114,
    request([{ role: "user", content: "Please explain what Python is and its main use cases. ".repeat(100) }], {
      system: "You are a helpful assistant.",
    }),
  ],
];

describe("an estimate", () => {
  it.each(RECORDED)("of %i tokens is within a few of what the API said", (recorded, body) => {
    expect(Math.abs(estimate(body) - recorded)).toBeLessThanOrEqual(Math.max(2, recorded * 0.03));
  });

  it("takes the special tokens of its tokenizer for text", () => {
    expect(publicTokens("<|endoftext|>")).toBeGreaterThan(1);
  });

  it("leaves out earlier thinking", () => {
    const plain = request([{ role: "assistant", content: [] }]);
    const thinking = request([{ role: "assistant", content: [{ type: "thinking" }] }]);
    expect(estimate(thinking)).toBe(estimate(plain));
  });

  it("counts the pages of a PDF", () => {
    const data = Buffer.from("/Type /Pages /Type /Page /Type/Page").toString("base64");
    const document = { type: "document", source: { type: "base64", media_type: "application/pdf", data } };
    expect(estimate(request([{ role: "user", content: [document] }]))).toBe(7 + 2 * 2250);
  });
});

describe("an image", () => {
  it("costs width times height by 750", () => {
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
    ["JPEG", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc0, 0, 17, 8, 0, 34, 0, 12]).toString("base64")],
    ["WebP", Buffer.from("RIFF0000WEBPVP8X0000\x00\x00\x00\x00\x0b\x00\x00\x21\x00\x00", "latin1").toString("base64")],
  ])("tells its size as %s", (_name, base64) => {
    expect(imageSize(base64)).toEqual({ width: 12, height: 34 });
  });

  it.each([
    ["nothing", ""],
    ["a text", "aGVsbG8gd29ybGQsIGhlbGxv"],
    ["a PNG cut short", png(12, 34).slice(0, 16)],
  ])("that is %s has none", (_name, base64) => expect(imageSize(base64)).toBeUndefined());
});
