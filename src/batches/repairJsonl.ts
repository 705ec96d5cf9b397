import { z } from "zod";
import { isMissing } from "../api/systemErrors.ts";
import { placeDurably } from "../storage/durable.ts";
import { storedLines } from "../storage/jsonLines.ts";
import { OUTCOMES } from "./record.ts";
import { readStoredLine } from "./storedLine.ts";

const NEWLINE = Buffer.from("\n");

/** A line of `requests.jsonl`. Its parameters are validated when it runs. */
export const storedRequest = z.object({ custom_id: z.string() });

/** A line of `results.jsonl`. */
export const storedResult = z.object({ custom_id: z.string(), result: z.object({ type: z.enum(OUTCOMES) }) });

/**
 * Removes the invalid lines of a JSONL file, or creates an empty one. Resolves with a description of the damage, if
 * any.
 */
export async function repairJsonl(path: string, shape: z.ZodType): Promise<string | undefined> {
  const invalid = await countInvalid(path, shape);
  if (invalid === 0) return undefined;
  await placeDurably(path, async (file) => {
    const kept = invalid === undefined ? [] : storedLines(path);
    for await (const line of kept) {
      if (await isValidLine(line, shape)) await file.appendFile(Buffer.concat([line, NEWLINE]));
    }
    await file.sync();
  });
  return invalid === undefined ? "was missing" : `had unreadable lines: ${invalid}`;
}

async function countInvalid(path: string, shape: z.ZodType): Promise<number | undefined> {
  let invalid = 0;
  try {
    for await (const line of storedLines(path)) if (!(await isValidLine(line, shape))) invalid += 1;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return invalid;
}

async function isValidLine(line: Buffer, shape: z.ZodType): Promise<boolean> {
  try {
    return shape.safeParse(await readStoredLine(line)).success;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}
