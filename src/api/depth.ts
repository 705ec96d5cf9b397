import { textOf } from "./exactJson.ts";

/** More levels than any schema has, few enough for every parser on the way. */
export const MAX_DEPTH = 1000;

export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1));
}

export function isTooDeep(value: object): boolean {
  // each level takes two brackets, so most texts are too short
  const length = textOf(value)?.length ?? Number.POSITIVE_INFINITY;
  return length > 2 * MAX_DEPTH && isDeeperThan(value, MAX_DEPTH);
}
