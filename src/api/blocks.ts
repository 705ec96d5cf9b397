import { isObject } from "./isObject.ts";

// biome-ignore lint/suspicious/noExplicitAny: blocks of any type, known or not
export type Block = { type?: string; [field: string]: any };

/** Returns the unchecked elements of a list of blocks; none for a text. */
export function blocksOf(content: unknown): (Block | null)[] {
  return Array.isArray(content) ? content : [];
}

/**
 * Yields the objects of a list and, level by level, those in the lists inside them: in their content or that of their
 * source. Skips other fields, which may quote a block.
 */
export function* walkBlocks(content: unknown): Generator<Block> {
  const lists = [content];
  for (const list of lists) {
    for (const block of blocksOf(list)) {
      if (!isObject(block)) continue;
      yield block;
      for (const inner of [block.content, block.source?.content]) if (Array.isArray(inner)) lists.push(inner);
    }
  }
}
