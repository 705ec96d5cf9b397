import { readdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { type ApiError, readFailed } from "../api/errors.ts";
import { isMissing, isOutOfHandles, isWrongKind } from "../api/systemErrors.ts";
import type { Logger } from "../shared/logger.ts";
import { DamagedFile, readJson } from "./jsonFile.ts";

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

export interface ReadOptions {
  /** Skips a file that cannot be read, so that it does not stop a start. */
  skipUnreadable?: boolean;
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
  async read(path: string, id: string, { skipUnreadable = false }: ReadOptions = {}): Promise<T | undefined> {
    try {
      const stored = await readJson(path, this.#shape);
      if (stored && stored.id !== id) throw new DamagedFile(`it belongs to ${stored.id}`);
      if (stored) this.#reported.delete(id);
      return stored;
    } catch (error) {
      const isSkipped = skipUnreadable && !isOutOfHandles(error);
      if (!isSkipped && !(error instanceof DamagedFile) && !isWrongKind(error)) throw readFailed(error as Error);
      this.#report(id, error as Error);
      return undefined;
    }
  }

  #report(id: string, { message }: Error): void {
    if (this.#reported.has(id)) return;
    this.#reported.add(id);
    this.#logger.error(`${this.#noun}: ${id} cannot be read: ${message}`);
  }
}
