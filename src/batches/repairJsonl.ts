import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isMissing } from "../api/systemErrors.ts";
import { PRIVATE_FILE } from "../shared/privateFiles.ts";
import { syncDirectory } from "../storage/durable.ts";
import { storedLines } from "../storage/jsonLines.ts";
import type { BatchRequest } from "./batchParser.ts";
import { OUTCOMES } from "./record.ts";
import type { ResultLine } from "./results.ts";
import { readStoredLine } from "./storedLine.ts";

const NEWLINE = Buffer.from("\n");

/** Whether a line of `requests.jsonl` can be worked on; what is wrong with its parameters is told when it runs. */
export function isRequest(value: unknown): value is BatchRequest {
  return typeof (value as BatchRequest | null)?.custom_id === "string";
}

/** Whether a line of `results.jsonl` can be counted. */
export function isResult(value: unknown): value is ResultLine {
  const line = value as Partial<ResultLine> | null;
  return typeof line?.custom_id === "string" && OUTCOMES.some((outcome) => outcome === line.result?.type);
}

/**
 * Leaves only those lines in a JSONL file that are good, and makes an empty one where there is none. Resolves with what
 * was wrong; undefined where nothing was, and the file is as it was. `draft` is a path on the same disk.
 */
export async function repairJsonl(
  path: string,
  isGood: (value: unknown) => boolean,
  draft: string,
): Promise<string | undefined> {
  const bad = await countInvalid(path, isGood);
  if (bad === 0) return undefined;
  try {
    await using file = await open(draft, "wx", PRIVATE_FILE);
    const kept = bad === undefined ? [] : storedLines(path);
    for await (const line of kept) {
      if (await isValidLine(line, isGood)) await file.appendFile(Buffer.concat([line, NEWLINE]));
    }
    await file.sync();
    await file.close();
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
  return bad === undefined ? "is gone" : `had lines that cannot be read: ${bad}`;
}

/** Undefined where there is no file. */
async function countInvalid(path: string, isGood: (value: unknown) => boolean): Promise<number | undefined> {
  let bad = 0;
  try {
    for await (const line of storedLines(path)) if (!(await isValidLine(line, isGood))) bad += 1;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return bad;
}

async function isValidLine(line: Buffer, isGood: (value: unknown) => boolean): Promise<boolean> {
  try {
    return isGood(await readStoredLine(line));
  } catch {
    return false;
  }
}
