import { it } from "vitest";
import { sample } from "../fidelity/random.ts";

/** Whether the run takes every case and full counts (`npm run test:full`), instead of a sample within minutes. */
export const FULL = process.env.CLAUDE_VIRTUAL_API_FULL === "1";

/**
 * Whether the run takes the smallest sample (`npm test`). CI takes more, and has half an hour; so does a run on another CLI,
 * of which nothing is known yet.
 */
export const QUICK = !FULL && !process.env.CI && !process.env.CLAUDE_VIRTUAL_API_TEST_CLAUDE;

/** All of a list in a full run, otherwise `count` items, or `quick` of them: the same at each run, in the list's order. */
export const sampled = <T>(list: readonly T[], count: number, quick = count): readonly T[] =>
  FULL ? list : sample(list, QUICK ? quick : count, 11);

/** Declares a slow test whose kind has a faster one in every run: for CI and full runs. */
export const itThorough = it.skipIf(QUICK);
