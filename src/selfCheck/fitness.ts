import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cliUnfit, isUnguarded } from "../api/errors.ts";
import type { Cli } from "../claude/locate.ts";
import type { Logger } from "../shared/logger.ts";
import { version as ownVersion } from "../shared/version.ts";
import { toText } from "../storage/draft.ts";
import { writeDurably } from "../storage/durable.ts";
import { type Finding, selfCheck } from "./selfCheck.ts";

/** What `self-check.json` says: the versions of the CLI that passed, each with the version of ours that checked it. */
type Passed = Record<string, string>;

export interface FitnessOptions {
  dataDir: string;
  environment: NodeJS.ProcessEnv;
}

/**
 * Admits a version of the CLI once it has passed the self-check, which is remembered. A failure is not, since a machine
 * may be too busy for it: the next start of the server looks again.
 */
export class Fitness {
  readonly #path: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #logger: Logger;

  constructor({ dataDir, environment }: FitnessOptions, logger: Logger) {
    this.#path = join(dataDir, "self-check.json");
    this.#environment = environment;
    this.#logger = logger;
  }

  /** Throws `ApiError` where the CLI has lost something that the server relies on. */
  readonly require = async (cli: Cli): Promise<void> => {
    if ((await this.#passed())[cli.version] === ownVersion) return;
    // a second try tells what is lost from what took too long
    const lost = (await this.#lost(cli)).length > 0 ? await this.#lost(cli) : [];
    if (lost.length === 0) return this.#remember(cli);
    for (const { name, reason } of lost)
      this.#logger.error(`self-check of Claude Code ${cli.version}: ${name}: ${reason}`);
    throw cliUnfit(
      cli.version,
      lost.map(({ name }) => name),
    );
  };

  async #lost(cli: Cli): Promise<Finding[]> {
    try {
      return (await selfCheck(cli, this.#environment, this.#logger)).filter(({ reason }) => reason !== undefined);
    } catch (error) {
      if (isUnguarded(error)) throw error;
      return [{ name: "it runs at all", reason: (error as Error).message }];
    }
  }

  async #passed(): Promise<Passed> {
    try {
      return JSON.parse(await readFile(this.#path, "utf8"));
    } catch {
      return {};
    }
  }

  async #remember({ version }: Cli): Promise<void> {
    this.#logger.info(`Claude Code ${version} passed the self-check`);
    const passed = { ...(await this.#passed()), [version]: ownVersion };
    // where it cannot be kept, the next start checks again
    await writeDurably(this.#path, toText(passed)).catch((error: Error) => this.#logger.warn(error.message));
  }
}
