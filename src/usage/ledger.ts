import { readdir, readFile } from "node:fs/promises";
import { noTokens, type TokenCounts, type UsageMeter } from "../api/usage.ts";
import type { Logger } from "../shared/logger.ts";
import type { DataDirectory, Tenant } from "../storage/dataDirectory.ts";
import { toText } from "../storage/draft.ts";
import { writeDurably } from "../storage/durable.ts";

/** What one model did on one day. */
export interface ModelUsage extends TokenCounts {
  requests: number;
  /** Those of them that failed. */
  errors: number;
}

/** A day's usage by model, as `usage/YYYY-MM-DD.json` (UTC) holds it. */
export type DayUsage = Record<string, ModelUsage>;

const DAY_FILE = /^(\d{4}-\d{2}-\d{2})\.json$/;

export const noUsage = (): ModelUsage => ({ requests: 0, errors: 0, ...noTokens() });

/** Counts requests and tokens by day and model; every count is on the disk moments after it was made. */
export class Ledger implements Tenant {
  readonly #directory: DataDirectory;
  readonly #logger: Logger;
  readonly #days = new Map<string, DayUsage>();
  readonly #changed = new Set<string>();
  #writing: Promise<void> | undefined;

  constructor(directory: DataDirectory, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  async moveIn(): Promise<void> {
    const today = dayOf(new Date());
    const stored = await this.#read(today);
    for (const [model, usage] of Object.entries(this.#days.get(today) ?? {})) add(stored, model, usage);
    this.#days.set(today, stored);
  }

  async moveOut(): Promise<void> {
    await this.#writing;
  }

  /** Counts one request that has ended, well or not. */
  record({ model, tokens }: UsageMeter, failed: boolean): void {
    const day = dayOf(new Date());
    const usage = this.#days.get(day) ?? {};
    this.#days.set(day, usage);
    add(usage, model, { requests: 1, errors: failed ? 1 : 0, ...tokens });
    this.#changed.add(day);
    // without the directory, another server's counts would be overwritten
    if (this.#directory.owned) this.#writing ??= this.#write();
  }

  /** The days (UTC) on which there was any, in order. */
  async days(): Promise<string[]> {
    const names = await readdir(this.#directory.at("usage")).catch(() => []);
    return [...new Set([...names.flatMap((name) => DAY_FILE.exec(name)?.[1] ?? []), ...this.#days.keys()])].sort();
  }

  async usageOf(day: string): Promise<DayUsage> {
    return this.#days.get(day) ?? this.#read(day);
  }

  async #write(): Promise<void> {
    for (const day of this.#changed) {
      this.#changed.delete(day);
      await writeDurably(this.#path(day), toText(this.#days.get(day) ?? {})).catch((error: Error) =>
        this.#logger.error(`usage: ${error.message}`),
      );
    }
    this.#writing = undefined;
  }

  async #read(day: string): Promise<DayUsage> {
    try {
      return JSON.parse(await readFile(this.#path(day), "utf8"));
    } catch {
      return {};
    }
  }

  #path(day: string): string {
    return this.#directory.at("usage", `${day}.json`);
  }
}

export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** Adds to what a model has; a model's name is a client's, and may be that of an object's own property. */
export function add(day: DayUsage, model: string, usage: ModelUsage): void {
  const sum = Object.hasOwn(day, model) ? (day[model] as ModelUsage) : noUsage();
  for (const name of Object.keys(sum) as (keyof ModelUsage)[]) sum[name] += usage[name] ?? 0;
  Object.defineProperty(day, model, { value: sum, enumerable: true, configurable: true, writable: true });
}
