import { expect, it } from "vitest";
import { blocksOf, walkBlocks } from "../../../src/api/blocks.ts";

it("walks the blocks of a list and those inside them, and skips other data", () => {
  const content = [
    { type: "tool_result", content: [{ type: "image", source: { type: "file" } }, null, "text"] },
    { type: "document", source: { type: "content", content: [{ type: "text" }] } },
    { type: "tool_use", input: { content: [{ type: "quoted" }] } },
    ...[null, 7, "text", { type: "text", content: "text", source: null }],
  ];
  expect([...walkBlocks(content)].map(({ type }) => type)).toEqual([
    ...["tool_result", "document", "tool_use", "text"],
    ...["image", "text"],
  ]);
});

it("has no blocks for a text or a missing content", () => {
  expect([blocksOf("text"), blocksOf(undefined), [...walkBlocks("text")]]).toEqual([[], [], []]);
});

it("walks as many levels as a body may have", () => {
  let content: unknown = [{ type: "text" }];
  for (let level = 0; level < 100_000; level++) content = [{ content }];
  expect([...walkBlocks(content)].length).toBe(100_001);
});
