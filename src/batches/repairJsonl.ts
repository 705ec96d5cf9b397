import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isMissing } from "../api/systemErrors.ts";
import { PRIVATE_FILE_MODE } from "../shared/privateFiles.ts";
import { syncDirectory } from "../storage/durable.ts";
import { storedLines } from "../storage/jsonLines.ts";
import type { BatchRequest } from "./batchParser.ts";
import { OUTCOMES } from "./record.ts";
import type { ResultLine } from "./results.ts";
import { readStoredLine } from "./storedLine.ts";

const NEWLINE = Buffer.from("\n");

/** Whether a line of `requests.jsonl` can be run. Its parameters are validated when it runs. */
export function isRequest(value: unknown): value is BatchRequest {
  return typeof (value as BatchRequest | null)?.custom_id === "string";
}

export function isResult(value: unknown): value is ResultLine {
  const line = value as Partial<ResultLine> | null;
  return typeof line?.custom_id === "string" && OUTCOMES.some((outcome) => outcome === line.result?.type);
}

/**
 * Removes the invalid lines of a JSONL file, or creates an empty one. Resolves with a description of the damage, if
 * any. `draft` is a path on the same file system.
 */
export async function repairJsonl(
  path: string,
  isValid: (value: unknown) => boolean,
  draft: string,
): Promise<string | undefined> {
  const invalid = await countInvalid(path, isValid);
  if (invalid === 0) return undefined;
  try {
    await using file = await open(draft, "wx", PRIVATE_FILE_MODE);
    const kept = invalid === undefined ? [] : storedLines(path);
    for await (const line of kept) {
      if (await isValidLine(line, isValid)) await file.appendFile(Buffer.concat([line, NEWLINE]));
    }
    await file.sync();
    await file.close();
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
  return invalid === undefined ? "was missing" : `had unreadable lines: ${invalid}`;
}

async function countInvalid(path: string, isValid: (value: unknown) => boolean): Promise<number | undefined> {
  let invalid = 0;
  try {
    for await (const line of storedLines(path)) if (!(await isValidLine(line, isValid))) invalid += 1;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return invalid;
}

async function isValidLine(line: Buffer, isValid: (value: unknown) => boolean): Promise<boolean> {
  try {
    return isValid(await readStoredLine(line));
  } catch {
    return false;
  }
}
