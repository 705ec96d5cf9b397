import { readFile, rename } from "node:fs/promises";
import { readFailed } from "../api/errors.ts";
import { isObject } from "../api/isObject.ts";
import { isMissing, isOutOfHandles } from "../api/systemErrors.ts";
import { noTokens, type TokenCounts, type UsageMeter } from "../api/usage.ts";
import type { Logger } from "../shared/logger.ts";
import type { DataDirectory, Store } from "../storage/dataDirectory.ts";
import { writeDurably } from "../storage/durable.ts";
import { formatJson } from "../storage/stagingDir.ts";
import { namesIn } from "../storage/stored.ts";

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

/** Milliseconds between two writes: a durable write for each request would cost more than all else that we do for it. */
const WRITE_INTERVAL_MS = 250;

/** Counts requests and tokens by day and model; every count is on the disk a moment after it was made. */
export class Ledger implements Store {
  readonly #directory: DataDirectory;
  readonly #logger: Logger;
  /** What is to be added to the files of its days: for long, where another server owns them. */
  readonly #pending = new Map<string, DayUsage>();
  #lastStep: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: DataDirectory, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  async onAcquire(): Promise<void> {
    await this.#serialize(() => this.#write());
  }

  async onRelease(): Promise<void> {
    await this.#serialize(() => this.#write());
  }

  /** Counts one request that has ended, well or not. */
  record({ model, tokens }: UsageMeter, failed: boolean): void {
    try {
      this.#count(dayOf(new Date()), {
        [model]: { requests: 1, errors: failed ? 1 : 0, ...tokens },
      });
    } catch (error) {
      // an answer that is paid for must not be lost over its count
      this.#logFailure(error as Error);
    }
    // without the directory, another server's counts would be overwritten
    if (!this.#directory.owned) return;
    this.#timer ??= setTimeout(() => void this.#serialize(() => this.#write()), WRITE_INTERVAL_MS).unref();
  }

  /** The days (UTC) on which there was any, in order. */
  async days(): Promise<string[]> {
    const names = await namesIn(this.#directory.at("usage"));
    return [...new Set([...names.flatMap((name) => DAY_FILE.exec(name)?.[1] ?? []), ...this.#pending.keys()])].sort();
  }

  /** What the disk has of a day, and what this server is still to add. Throws `ApiError` 529. */
  usageOf(day: string): Promise<DayUsage> {
    return this.#serialize(async () => {
      const usage = await this.#read(day).catch((error: Error) => {
        if (isOutOfHandles(error)) throw readFailed(error);
        return this.#logFailure(error);
      });
      return sum(usage ?? {}, this.#pending.get(day));
    });
  }

  #count(day: string, usage: DayUsage): void {
    this.#pending.set(day, sum(this.#pending.get(day) ?? {}, usage));
  }

  /** One step after the other, since between a count's way to the disk and its end here it would be seen twice. */
  #serialize<T>(step: () => Promise<T>): Promise<T> {
    const taken = this.#lastStep.then(step);
    this.#lastStep = taken.then(
      () => {},
      () => {},
    );
    return taken;
  }

  /** Adds what is pending to the files; what cannot be added now is tried again with the next count. */
  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [day, usage] of [...this.#pending]) {
      this.#pending.delete(day);
      try {
        await writeDurably(this.#path(day), formatJson(sum(await this.#readOrSetAside(day), usage)));
      } catch (error) {
        this.#logFailure(error as Error);
        this.#count(day, usage);
      }
    }
  }

  /** As `#read`; a file of nonsense makes room for the counts that follow, and nothing of it is lost. */
  async #readOrSetAside(day: string): Promise<DayUsage> {
    try {
      return await this.#read(day);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const aside = `${day}.unreadable-${Date.now()}.json`;
      await rename(this.#path(day), this.#directory.at("usage", aside));
      this.#logger.error(`usage: ${error.message}. It is kept as ${aside}`);
      return {};
    }
  }

  /** Throws `SyntaxError` for a file that holds no usage. */
  async #read(day: string): Promise<DayUsage> {
    const text = await readFile(this.#path(day), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (isMissing(error)) return "{}";
      throw error;
    });
    return parseDay(text, day);
  }

  #logFailure({ message }: Error): undefined {
    this.#logger.error(`usage: ${message}`);
  }

  #path(day: string): string {
    return this.#directory.at("usage", `${day}.json`);
  }
}

/** Throws `SyntaxError` for what is no usage; a count that an older version did not keep is none. */
function parseDay(text: string, day: string): DayUsage {
  try {
    const usage: DayUsage = {};
    for (const [model, stored] of Object.entries(asObject(JSON.parse(text)))) add(usage, model, parseUsage(stored));
    return usage;
  } catch {
    throw new SyntaxError(`${day}.json cannot be read`);
  }
}

function parseUsage(stored: unknown): ModelUsage {
  const usage = { ...noUsage(), ...asObject(stored) };
  if (!Object.values(usage).every(Number.isFinite)) throw new SyntaxError("A count is not a number.");
  return usage;
}

function asObject(value: unknown): object {
  if (isObject(value)) return value;
  throw new SyntaxError("A value is not an object.");
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

function sum(day: DayUsage, more: DayUsage = {}): DayUsage {
  for (const [model, usage] of Object.entries(more)) add(day, model, usage);
  return day;
}
