import { rename } from "node:fs/promises";
import { z } from "zod";
import { readFailed } from "../api/errors.ts";
import { isWrongKind } from "../api/systemErrors.ts";
import { noTokens, type TokenCounts, type UsageMeter } from "../api/usage.ts";
import { errorText } from "../shared/errorText.ts";
import type { Logger } from "../shared/logger.ts";
import { SerialQueue } from "../shared/serialQueue.ts";
import type { DataDirectory, Store } from "../storage/dataDirectory.ts";
import { DamagedFile, readJson, writeJson } from "../storage/jsonFile.ts";
import { listDirectory } from "../storage/stored.ts";

export interface ModelUsage extends TokenCounts {
  requests: number;
  errors: number;
}

/** A day's usage by model, as `usage/YYYY-MM-DD.json` (UTC) stores it. */
export type DayUsage = Record<string, ModelUsage>;

const DAY_FILE = /^(\d{4}-\d{2}-\d{2})\.json$/;

export const emptyUsage = (): ModelUsage => ({ requests: 0, errors: 0, ...noTokens() });

const storedDay = z.record(z.string(), z.record(z.string(), z.number()));

/** Milliseconds between two writes: a durable write per request would be the most expensive part of the request. */
const WRITE_INTERVAL_MS = 250;

/** Counts requests and tokens by day and model. Writes each count to disk shortly afterwards. */
export class Ledger implements Store {
  readonly #directory: DataDirectory;
  readonly #logger: Logger;
  /** Counts not yet written. They stay here while another server owns the directory. */
  readonly #pending = new Map<string, DayUsage>();
  /** Runs one step at a time, because a count that is being written would otherwise be read twice. */
  readonly #steps = new SerialQueue();
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: DataDirectory, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  async onAcquire(): Promise<void> {
    await this.#steps.run(() => this.#write());
  }

  async onRelease(): Promise<void> {
    await this.#steps.run(() => this.#write());
  }

  record({ model, tokens }: UsageMeter, failed: boolean): void {
    try {
      this.#count(dayOf(new Date()), {
        [model]: { requests: 1, errors: failed ? 1 : 0, ...tokens },
      });
    } catch (error) {
      // a response that is paid for must not be lost because counting failed
      this.#logFailure(error as Error);
    }
    // another server owns the directory: writing would overwrite its counts
    if (!this.#directory.isOwned) return;
    this.#timer ??= setTimeout(() => void this.#steps.run(() => this.#write()), WRITE_INTERVAL_MS).unref();
  }

  /** Lists the days (UTC) with usage, oldest first. */
  async days(): Promise<string[]> {
    const names = await listDirectory(this.#directory.at("usage"));
    return [...new Set([...names.flatMap((name) => DAY_FILE.exec(name)?.[1] ?? []), ...this.#pending.keys()])].sort();
  }

  /** Returns a day's usage, stored and pending. Throws `ApiError`. */
  usageOf(day: string): Promise<DayUsage> {
    return this.#steps.run(async () => {
      const usage = await this.#read(day).catch((error: Error) => {
        if (!(error instanceof DamagedFile) && !isWrongKind(error)) throw readFailed(error);
        this.#logger.error(`usage: ${day}.json is damaged: ${error.message}`);
      });
      return merge(usage ?? {}, this.#pending.get(day));
    });
  }

  #count(day: string, usage: DayUsage): void {
    this.#pending.set(day, merge(this.#pending.get(day) ?? {}, usage));
  }

  /** Adds the pending counts to the files; after a failure, the next count tries again. */
  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [day, usage] of [...this.#pending]) {
      this.#pending.delete(day);
      try {
        await writeJson(this.#path(day), merge(await this.#readOrSetAside(day), usage));
      } catch (error) {
        this.#logFailure(error as Error);
        this.#count(day, usage);
      }
    }
  }

  /** Like `#read`, but renames a damaged file, so that it is kept and counting goes on. */
  async #readOrSetAside(day: string): Promise<DayUsage> {
    try {
      return await this.#read(day);
    } catch (error) {
      if (!(error instanceof DamagedFile)) throw error;
      const aside = `${day}.unreadable-${Date.now()}.json`;
      await rename(this.#path(day), this.#directory.at("usage", aside));
      this.#logger.error(`usage: ${day}.json is damaged: ${error.message}. It was renamed to ${aside}`);
      return {};
    }
  }

  /** Counts that an older version did not keep are 0. Throws `DamagedFile`, and file system errors. */
  async #read(day: string): Promise<DayUsage> {
    const usage: DayUsage = {};
    for (const [model, stored] of Object.entries((await readJson(this.#path(day), storedDay)) ?? {}))
      addUsage(usage, model, { ...emptyUsage(), ...stored });
    return usage;
  }

  #logFailure(error: Error): void {
    this.#logger.error(`usage: ${errorText(error)}`);
  }

  #path(day: string): string {
    return this.#directory.at("usage", `${day}.json`);
  }
}

export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/**
 * Adds to a model's usage. Clients choose the model name, so it may be that of a built-in property such as `__proto__`.
 */
export function addUsage(day: DayUsage, model: string, usage: ModelUsage): void {
  const sum = Object.hasOwn(day, model) ? (day[model] as ModelUsage) : emptyUsage();
  for (const name of Object.keys(sum) as (keyof ModelUsage)[]) sum[name] += usage[name] ?? 0;
  Object.defineProperty(day, model, { value: sum, enumerable: true, configurable: true, writable: true });
}

function merge(day: DayUsage, more: DayUsage = {}): DayUsage {
  for (const [model, usage] of Object.entries(more)) addUsage(day, model, usage);
  return day;
}
