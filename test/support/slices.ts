import { Slicer } from "../../src/shared/slices.ts";

/** Slices without a signal. */
export const unabortedSlices = () => new Slicer().begin(new AbortController().signal);
