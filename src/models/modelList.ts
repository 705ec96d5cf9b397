import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CliDescription, CliModel } from "../claude/description.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { writeDurably } from "../storage/durable.ts";
import { formatJson } from "../storage/stagingDir.ts";
import { likelyModels } from "./catalog.ts";

/** What knows the CLI's models: its last answer, and a way to ask. */
export interface CliDescriber {
  readonly description: CliDescription | undefined;
  describe(): Promise<CliDescription>;
}

/** Milliseconds for which a client waits for a CLI that is still starting; a refusal of the CLI comes sooner. */
const STARTUP_WAIT_MS = 100;
/** Names that were answered to, of which the list would otherwise grow for as long as the server runs. */
const MAX_ANSWERED_NAMES = 1000;

/**
 * The CLI's list of models. Kept in the data directory, so that a start, which takes the CLI a second or two, has that of
 * the last run; the CLI's own answer then takes its place, also after another sign-in or version.
 */
export class ModelList {
  readonly #cli: CliDescriber;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #startupWait: number;
  readonly #answered = new Set<string>();
  /** The text that was last read or written. */
  #kept = "";
  #written: Promise<void> = Promise.resolve();

  constructor(cli: CliDescriber, dataDir: string, logger: Logger, startupWait = STARTUP_WAIT_MS) {
    this.#cli = cli;
    this.#path = join(dataDir, "models.json");
    this.#logger = logger;
    this.#startupWait = startupWait;
  }

  /**
   * What the CLI says; while it starts, what it said last time, or else the models that it most likely has. Throws
   * `ApiError` when it cannot be started.
   */
  async current(): Promise<readonly CliModel[]> {
    const { description } = this.#cli;
    if (description) return description.models;
    const asked = this.refresh();
    // a failure that comes later is logged where the CLI was started first
    asked.catch(() => {});
    if (await resolvesWithin(this.#startupWait, asked)) return asked;
    const kept = await this.#read();
    return kept.length > 0 ? kept : likelyModels();
  }

  /** Asks the CLI, and keeps its answer. Throws `ApiError` when it cannot be started. */
  async refresh(): Promise<readonly CliModel[]> {
    const { models } = await this.#cli.describe();
    if (models.length > 0) await this.#keep(models);
    return models;
  }

  /** Notes a name to which upstream has answered. */
  note(name: string): void {
    if (this.#answered.size < MAX_ANSWERED_NAMES) this.#answered.add(name);
  }

  readonly wasAnswered = (name: string): boolean => this.#answered.has(name);

  async #read(): Promise<CliModel[]> {
    try {
      const text = await readFile(this.#path, "utf8");
      const { models } = JSON.parse(text) as { models: CliModel[] };
      const read = models.filter(({ value }) => typeof value === "string");
      this.#kept = text;
      return read;
    } catch {
      // none yet, or one that is damaged, in whose place the next is written
      return [];
    }
  }

  async #keep(models: readonly CliModel[]): Promise<void> {
    const text = formatJson({ models });
    if (text !== this.#kept) {
      this.#kept = text;
      const write = () => writeDurably(this.#path, text);
      this.#written = this.#written.then(write).catch(({ message }: Error) => this.#logger.debug(`models: ${message}`));
    }
    await this.#written;
  }
}
