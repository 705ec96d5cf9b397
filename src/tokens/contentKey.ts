import { createHash } from "node:crypto";
import type { Slices } from "../shared/slices.ts";

const CHUNK_CHARACTERS = 65_536;

/** Equal for equal JSON only. */
export async function contentKey(value: unknown, slices: Slices): Promise<string> {
  const hash = createHash("sha256");
  let chunk = "";
  for (const token of tokensOf(value)) {
    chunk += token;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    hash.update(chunk);
    chunk = "";
    if (slices.isPauseDue) await slices.pause();
  }
  return hash.update(chunk).digest("base64");
}

/** Prefixes strings with their length, so that nothing needs escaping. */
function* tokensOf(value: unknown): Generator<string> {
  if (typeof value === "string") {
    yield `"${value.length}:`;
    for (let at = 0; at < value.length; at += CHUNK_CHARACTERS) yield value.slice(at, at + CHUNK_CHARACTERS);
  } else if (typeof value !== "object" || value === null) {
    yield `${value},`;
  } else {
    yield Array.isArray(value) ? "[" : "{";
    for (const key in value) {
      yield `${key.length}:${key}`;
      yield* tokensOf((value as Record<string, unknown>)[key]);
    }
    yield "]";
  }
}
