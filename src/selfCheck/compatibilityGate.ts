import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cliIncompatible, isEnvironmentProblem, isForbidden, isIncompatible, isUnguarded } from "../api/cliErrors.ts";
import { ApiError } from "../api/errors.ts";
import type { CheckCompatibility, Cli } from "../claude/locate.ts";
import type { CheckedPart } from "../claude/transport.ts";
import { mayRewrite, type TransportOption } from "../claude/transportChoice.ts";
import type { Logger } from "../shared/logger.ts";
import { version as ownVersion } from "../shared/version.ts";
import { writeDurably } from "../storage/durable.ts";
import { formatJson } from "../storage/stagingDir.ts";
import { type CheckResult, ChecksSkipped, describeCheck, runChecks } from "./runChecks.ts";

/** What `self-check.json` says of a version of the CLI. */
interface Passed {
  /** The version of ours that checked it. */
  by: string;
  /** The programs of this version that passed, each as a hash of what its files were, and the part that was checked. */
  programs: string[];
}

/** Programs of one version that are remembered: a machine may have several installations. */
const MAX_PROGRAM_COUNT = 20;

/** Milliseconds for which a failure is remembered: a machine may be too busy for the checks, but not for each request. */
const FAILURE_MEMORY_MS = 60_000;

export interface CompatibilityOptions {
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  transport?: TransportOption;
}

/** Admits a CLI once it has passed the self-check, which is remembered; a failure is remembered for a minute. */
export class CompatibilityGate {
  readonly #path: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #option: TransportOption;
  readonly #logger: Logger;
  readonly #now: () => number;
  /** Failures by program. */
  readonly #failures = new Map<string, { error: unknown; until: number }>();
  /** Programs of which the log says that they are used unchecked. */
  readonly #unchecked = new Set<string>();

  constructor(
    { dataDir, environment, transport = "auto" }: CompatibilityOptions,
    logger: Logger,
    now = () => performance.now(),
  ) {
    this.#path = join(dataDir, "self-check.json");
    this.#environment = environment;
    this.#option = transport;
    this.#logger = logger;
    this.#now = now;
  }

  /**
   * Throws `ApiError` where the CLI has lost something that the server relies on for this part. Without one, it is enough
   * that one transport works: requests that cannot be rewritten are overlaid.
   */
  readonly check: CheckCompatibility = async (cli, part) => {
    if (part !== undefined) return this.#checkPart(cli, part);
    if (this.#option === "auto" && mayRewrite(cli)) {
      try {
        return await this.#checkPart(cli, "rewrite");
      } catch (error) {
        if (!isIncompatible(error)) throw error;
      }
    }
    return this.#checkPart(cli, "overlay");
  };

  async #checkPart(cli: Cli, part: CheckedPart): Promise<void> {
    const program = programOf(cli, part);
    const { by, programs = [] } = (await this.#passed())[cli.version] ?? {};
    if (by === ownVersion && programs.includes(program)) return;
    const failure = this.#failures.get(program);
    if (failure && this.#now() < failure.until) throw failure.error;
    try {
      await this.#runTwice(cli, part);
    } catch (error) {
      if (error instanceof ChecksSkipped) return this.#passUnchecked(cli, error.message);
      if (!isOfMachine(error)) this.#failures.set(program, { error, until: this.#now() + FAILURE_MEMORY_MS });
      throw error;
    }
    this.#failures.delete(program);
    await this.#remember(cli, part);
  }

  #passUnchecked(cli: Cli, reason: string): void {
    const program = programOf(cli, "overlay");
    if (!this.#unchecked.has(program)) {
      this.#logger.warn(`the self-check of Claude Code ${cli.version} is not run, so it is used unchecked: ${reason}`);
    }
    this.#unchecked.add(program);
  }

  async #runTwice(cli: Cli, part: CheckedPart): Promise<void> {
    // a second try tells what is lost from what took too long
    const lost = (await this.#lost(cli, part)).length > 0 ? await this.#lost(cli, part) : [];
    if (lost.length === 0) return;
    for (const { name, reason } of lost)
      this.#logger.error(`self-check of Claude Code ${cli.version} (${part}): ${name}: ${reason}`);
    throw cliIncompatible(
      cli.version,
      lost.map(({ name }) => name),
      lost.map(describeCheck),
    );
  }

  async #lost(cli: Cli, part: CheckedPart): Promise<CheckResult[]> {
    try {
      const results = await runChecks(cli, this.#environment, this.#logger, part);
      return results.filter(({ reason }) => reason !== undefined);
    } catch (error) {
      if (isUnguarded(error) || isOfMachine(error) || error instanceof ChecksSkipped) throw error;
      return [{ id: "check_runs", name: "it runs at all", reason: (error as Error).message }];
    }
  }

  async #passed(): Promise<Record<string, Partial<Passed>>> {
    try {
      return JSON.parse(await readFile(this.#path, "utf8"));
    } catch {
      return {};
    }
  }

  async #remember(cli: Cli, part: CheckedPart): Promise<void> {
    const { version } = cli;
    this.#logger.info(`Claude Code ${version} passed the self-check (${part})`);
    const passed = await this.#passed();
    const { by, programs = [] } = passed[version] ?? {};
    const kept = by === ownVersion ? programs.slice(1 - MAX_PROGRAM_COUNT) : [];
    passed[version] = { by: ownVersion, programs: [...kept, programOf(cli, part)] };
    // where it cannot be kept, the next start checks again
    await writeDurably(this.#path, formatJson(passed)).catch((error: Error) => this.#logger.warn(error.message));
  }
}

/** Whether the machine kept the CLI from running, and not its version. */
function isOfMachine(error: unknown): boolean {
  return isEnvironmentProblem(error) || isForbidden(error) || (error instanceof ApiError && error.status === 529);
}

/** A short name for the program, its state and the part. */
function programOf({ identity }: Cli, part: CheckedPart): string {
  return `${createHash("sha256").update(identity.lasting).digest("hex").slice(0, 16)} ${part}`;
}
