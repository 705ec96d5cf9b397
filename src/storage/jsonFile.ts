import { readFile } from "node:fs/promises";
import { z } from "zod";
import { isMissing } from "../api/systemErrors.ts";
import { writeDurably } from "./durable.ts";

export const storedTime = z.string().refine((text) => Number.isFinite(Date.parse(text)), "not a time");

export const storedCount = z.int().min(0);

/** A stored file that does not hold what this server writes. */
export class DamagedFile extends Error {}

/**
 * Reads a stored JSON file; undefined if there is none. Returns the file's own value, so that a later version's fields
 * survive the next write. Throws `DamagedFile`, and file system errors.
 */
export async function readJson<T>(path: string, shape: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseStored(text, shape);
}

function parseStored<T>(text: string, shape: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DamagedFile((error as Error).message, { cause: error });
  }
  const issue = shape.safeParse(value).error?.issues[0];
  if (issue) throw new DamagedFile([...issue.path, issue.message].join(": "));
  return value as T;
}

/** Replaces the file durably. Throws `ApiError` 500. */
export function writeJson(path: string, content: object): Promise<void> {
  return writeDurably(path, formatJson(content));
}

export function formatJson(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}
