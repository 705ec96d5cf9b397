import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { Logger } from "../shared/logger.ts";

/** A time that can be told from others. */
export const storedTime = z.string().refine((text) => Number.isFinite(Date.parse(text)), "not a time");

/** A number of bytes or requests. */
export const storedCount = z.int().min(0);

/** Reads the small files that describe what is stored. What somebody has damaged is told of once, and passed over. */
export class StoredReader<T extends { id: string }> {
  readonly #shape: z.ZodType<T>;
  /** The noun for the log. */
  readonly #noun: string;
  readonly #logger: Logger;
  readonly #told = new Set<string>();

  constructor(shape: z.ZodType<T>, noun: string, logger: Logger) {
    this.#shape = shape;
    this.#noun = noun;
    this.#logger = logger;
  }

  /** What the file at the path says of `id`; undefined where there is none that can be relied on. */
  async read(path: string, id: string): Promise<T | undefined> {
    try {
      const stored = this.#parse(await readFile(path, "utf8"), id);
      this.#told.delete(id);
      return stored;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#tell(id, error as Error);
      return undefined;
    }
  }

  #parse(text: string, id: string): T {
    const value = JSON.parse(text);
    const { error } = this.#shape.safeParse(value);
    const issue = error?.issues[0];
    if (issue) throw new Error([...issue.path, issue.message].join(": "));
    if (value.id !== id) throw new Error(`it is that of ${value.id}`);
    // as it lies there, so that what a later version added to it is not lost with the next change
    return value;
  }

  #tell(id: string, { message }: Error): void {
    if (this.#told.has(id)) return;
    this.#told.add(id);
    this.#logger.error(`${this.#noun}: ${id} cannot be read: ${message}`);
  }
}
