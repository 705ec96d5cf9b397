import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { cliIncompatible, isEnvironmentProblem, isForbidden, isIncompatible, isUnguarded } from "../api/cliErrors.ts";
import { ApiError, readFailed } from "../api/errors.ts";
import { isOutOfHandles } from "../api/systemErrors.ts";
import type { CheckCompatibility, CheckedPart, Cli } from "../claude/locate/locate.ts";
import { mayRewrite, type TransportOption } from "../claude/transport/transportChoice.ts";
import { errorText } from "../shared/errorText.ts";
import type { Logger } from "../shared/logger.ts";
import { version as ownVersion } from "../shared/version.ts";
import { readJson, writeJson } from "../storage/jsonFile.ts";
import { type CheckResult, ChecksSkipped, describeCheck, runChecks } from "./runChecks.ts";

/** `self-check.json`, by version of the CLI. */
type Passes = Record<string, PassedEntry>;

interface PassedEntry {
  /** The version of this server that ran the checks. */
  by: string;
  /** The programs that passed: a hash of their files, and the checked part. */
  programs: string[];
}

const storedPasses: z.ZodType<Passes> = z.record(
  z.string(),
  z.object({ by: z.string(), programs: z.array(z.string()) }),
);

/** Per version, since a machine may have several installations. */
const MAX_PROGRAM_COUNT = 20;

/** Then the checks run again, since the machine may have been too busy for them. */
const FAILURE_MEMORY_MS = 60_000;

export interface CompatibilityOptions {
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  transport?: TransportOption;
}

/** Admits a CLI that has passed the self-check. Stores passes, and remembers failures for a minute. */
export class CompatibilityGate {
  readonly #path: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #option: TransportOption;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #failures = new Map<string, { error: unknown; until: number }>();
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

  /** Throws `ApiError` if the CLI fails the checks of `part`; without `part`, if it fails those of both transports. */
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
      if (!isMachineProblem(error)) this.#failures.set(program, { error, until: this.#now() + FAILURE_MEMORY_MS });
      throw error;
    }
    this.#failures.delete(program);
    await this.#remember(cli, part);
  }

  #passUnchecked(cli: Cli, reason: string): void {
    const program = programOf(cli, "overlay");
    if (!this.#unchecked.has(program)) {
      this.#logger.warn(`skipped the self-check of Claude Code ${cli.version}, which is used unchecked: ${reason}`);
    }
    this.#unchecked.add(program);
  }

  async #runTwice(cli: Cli, part: CheckedPart): Promise<void> {
    // a second run rules out checks that only took too long
    const failed = (await this.#failedChecks(cli, part)).length > 0 ? await this.#failedChecks(cli, part) : [];
    if (failed.length === 0) return;
    for (const { name, reason } of failed)
      this.#logger.error(`self-check of Claude Code ${cli.version} (${part}): ${name}: ${reason}`);
    throw cliIncompatible(
      cli.version,
      failed.map(({ name }) => name),
      failed.map(describeCheck),
    );
  }

  async #failedChecks(cli: Cli, part: CheckedPart): Promise<CheckResult[]> {
    try {
      const results = await runChecks(cli, this.#environment, this.#logger, part);
      return results.filter(({ reason }) => reason !== undefined);
    } catch (error) {
      if (isUnguarded(error) || isMachineProblem(error) || error instanceof ChecksSkipped) throw error;
      return [{ id: "check_runs", name: "Claude Code runs", reason: (error as Error).message }];
    }
  }

  /** Empty if the file is damaged, because the checks can run again. Throws `ApiError` 529. */
  async #passed(): Promise<Passes> {
    try {
      return (await readJson(this.#path, storedPasses)) ?? {};
    } catch (error) {
      if (isOutOfHandles(error)) throw readFailed(error as Error);
      this.#logger.warn(`ignored the passes in ${this.#path}, which cannot be read: ${(error as Error).message}`);
      return {};
    }
  }

  async #remember(cli: Cli, part: CheckedPart): Promise<void> {
    this.#logger.info(`Claude Code ${cli.version} passed the self-check (${part})`);
    // if the write fails, the next start checks again
    await this.#store(cli, part).catch((error: Error) => this.#logger.warn(errorText(error)));
  }

  async #store(cli: Cli, part: CheckedPart): Promise<void> {
    const { version } = cli;
    const passed = await this.#passed();
    const { by, programs = [] } = passed[version] ?? {};
    const kept = by === ownVersion ? programs.slice(1 - MAX_PROGRAM_COUNT) : [];
    passed[version] = { by: ownVersion, programs: [...kept, programOf(cli, part)] };
    await writeJson(this.#path, passed);
  }
}

/** True if the machine, not the version, kept the CLI from running. */
function isMachineProblem(error: unknown): boolean {
  return isEnvironmentProblem(error) || isForbidden(error) || (error instanceof ApiError && error.status === 529);
}

/** Identifies the program, the state of its files and the part. */
function programOf({ identity }: Cli, part: CheckedPart): string {
  return `${createHash("sha256").update(identity.lasting).digest("hex").slice(0, 16)} ${part}`;
}
