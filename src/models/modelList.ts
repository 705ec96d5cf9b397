import { join } from "node:path";
import { z } from "zod";
import type { CliDescription, CliModel } from "../claude/signIn/description.ts";
import { errorText } from "../shared/errorText.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { SerialQueue } from "../shared/serialQueue.ts";
import { formatJson, readJson, writeJson } from "../storage/jsonFile.ts";
import { likelyModels } from "./catalog.ts";

export interface CliDescriber {
  readonly description: CliDescription | undefined;
  describe(): Promise<CliDescription>;
}

/** A client waits so long for a CLI that is starting. A CLI that cannot be started fails sooner. */
const STARTUP_WAIT_MS = 100;
const MAX_ANSWERED_NAMES = 1000;

const storedModels = z.object({ models: z.array(z.object({ value: z.string() })) });

/** The CLI's list of models, stored for the second or two that the CLI takes to start. */
export class ModelList {
  readonly #cli: CliDescriber;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #startupWait: number;
  readonly #answered = new Set<string>();
  #kept = "";
  readonly #writes = new SerialQueue();
  #written: Promise<void> = Promise.resolve();

  constructor(cli: CliDescriber, dataDir: string, logger: Logger, startupWait = STARTUP_WAIT_MS) {
    this.#cli = cli;
    this.#path = join(dataDir, "models.json");
    this.#logger = logger;
    this.#startupWait = startupWait;
  }

  /**
   * The CLI's list; while it starts, the stored list or else the likely models. Throws `ApiError` if the CLI cannot be
   * started.
   */
  async current(): Promise<readonly CliModel[]> {
    const { description } = this.#cli;
    if (description) return description.models;
    const asked = this.refresh();
    // a later failure is logged by the first start of the CLI
    asked.catch(() => {});
    if (await resolvesWithin(this.#startupWait, asked)) return asked;
    const kept = await this.#read();
    return kept.length > 0 ? kept : likelyModels();
  }

  /** Asks the CLI and stores its answer. Throws `ApiError` if it cannot be started. */
  async refresh(): Promise<readonly CliModel[]> {
    const { models } = await this.#cli.describe();
    if (models.length > 0) await this.#keep(models);
    return models;
  }

  note(name: string): void {
    if (this.#answered.size < MAX_ANSWERED_NAMES) this.#answered.add(name);
  }

  readonly wasAnswered = (name: string): boolean => this.#answered.has(name);

  async #read(): Promise<CliModel[]> {
    // the next write replaces a file that cannot be read
    const stored = await readJson(this.#path, storedModels).catch((error: Error) => this.#logFailure(error));
    if (!stored) return [];
    this.#kept = formatJson(stored);
    return stored.models;
  }

  async #keep(models: readonly CliModel[]): Promise<void> {
    const text = formatJson({ models });
    if (text !== this.#kept) {
      this.#kept = text;
      const write = () => writeJson(this.#path, { models }).catch((error: Error) => this.#logFailure(error));
      this.#written = this.#writes.run(write);
    }
    await this.#written;
  }

  #logFailure(error: Error): undefined {
    this.#logger.debug(`models: ${errorText(error)}`);
  }
}
