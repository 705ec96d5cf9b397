import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { type ApiError, readFailed } from "../api/errors.ts";
import { isMissing } from "../api/systemErrors.ts";
import type { Logger } from "../shared/logger.ts";

export const storedTime = z.string().refine((text) => Number.isFinite(Date.parse(text)), "not a time");

export const storedCount = z.int().min(0);

/**
 * Lists a directory; empty if it does not exist. Throws `ApiError` on failure, which must not look like an empty list.
 */
export async function listDirectory(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw readFailed(error as Error);
  }
}

/** Attempts at a start-up step, and the milliseconds between two of them. */
const MAX_ATTEMPTS = 50;
const ATTEMPT_INTERVAL_MS = 100;

/** Retries a start-up step that fails with 529, because no client would retry it. */
export async function retryOutOfHandles<T>(step: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      if ((error as ApiError).status !== 529 || attempt === MAX_ATTEMPTS) throw error;
      await delay(ATTEMPT_INTERVAL_MS);
    }
  }
}

/** Reads the small files that describe stored objects. Skips a damaged one and logs it once. */
export class StoredReader<T extends { id: string }> {
  readonly #shape: z.ZodType<T>;
  /** The noun for the log. */
  readonly #noun: string;
  readonly #logger: Logger;
  readonly #reported = new Set<string>();

  constructor(shape: z.ZodType<T>, noun: string, logger: Logger) {
    this.#shape = shape;
    this.#noun = noun;
    this.#logger = logger;
  }

  /** Returns the description of `id`; undefined if the file is missing or damaged. Throws `ApiError`. */
  async read(path: string, id: string): Promise<T | undefined> {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (isMissing(error)) return undefined;
      throw readFailed(error);
    });
    if (text === undefined) return undefined;
    try {
      const stored = this.#parse(text, id);
      this.#reported.delete(id);
      return stored;
    } catch (error) {
      this.#report(id, error as Error);
      return undefined;
    }
  }

  /** Like `read`, for lists: also skips a file that cannot be read. Throws `ApiError` 529. */
  async readForList(path: string, id: string): Promise<T | undefined> {
    try {
      return await this.read(path, id);
    } catch (error) {
      if ((error as ApiError).status === 529) throw error;
      this.#report(id, error as Error);
      return undefined;
    }
  }

  #parse(text: string, id: string): T {
    const value = JSON.parse(text);
    const { error } = this.#shape.safeParse(value);
    const issue = error?.issues[0];
    if (issue) throw new Error([...issue.path, issue.message].join(": "));
    if (value.id !== id) throw new Error(`it belongs to ${value.id}`);
    // not the parsed value, so that a later version's fields survive the next change
    return value;
  }

  #report(id: string, { message }: Error): void {
    if (this.#reported.has(id)) return;
    this.#reported.add(id);
    this.#logger.error(`${this.#noun}: ${id} cannot be read: ${message}`);
  }
}
