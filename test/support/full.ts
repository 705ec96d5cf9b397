import { sample } from "../fidelity/random.ts";

/** Whether the run takes every case and full counts (`npm run test:full`), instead of a sample within minutes. */
export const FULL = process.env.CLAUDE_VIRTUAL_API_FULL === "1";

/** All of a list in a full run, otherwise `count` items: the same at each run, in the list's order. */
export const sampled = <T>(list: readonly T[], count: number): readonly T[] => (FULL ? list : sample(list, count, 11));
