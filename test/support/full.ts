import { it } from "vitest";
import { sample } from "../fidelity/random.ts";

/** True for every case and full counts (`npm run test:full`), false for a sample within minutes. */
export const FULL = process.env.CLAUDE_VIRTUAL_API_FULL === "1";

/**
 * True for the smallest sample (`npm test`). CI runs more, within half an hour; so does a run on another CLI,
 * about which nothing is known yet.
 */
export const QUICK = !FULL && !process.env.CI && !process.env.CLAUDE_VIRTUAL_API_TEST_CLAUDE;

/** The whole list in a full run, otherwise `count` or `quick` items: the same in each run, in the list's order. */
export const sampled = <T>(list: readonly T[], count: number, quick = count): readonly T[] =>
  FULL ? list : sample(list, QUICK ? quick : count, 11);

/** Declares a slow test, for CI and full runs, of which every run has a faster variant. */
export const itThorough = it.skipIf(QUICK);
