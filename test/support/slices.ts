import { Slicer } from "../../src/shared/slices.ts";

/** Slices of work that nothing aborts. */
export const unabortedSlices = () => new Slicer().begin(new AbortController().signal);
