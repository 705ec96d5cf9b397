import { setTimeout as delay } from "node:timers/promises";
import { type CliErrorCode, cliNotStarted, isScarcity } from "../api/cliErrors.ts";
import { ApiError } from "../api/errors.ts";
import type { Logger } from "../shared/logger.ts";
import { TurnBudget } from "../shared/turnBudget.ts";
import type { RemovedBaseUrl } from "./baseUrlFilter.ts";
import { CliProcess, type Spawn } from "./cliProcess.ts";
import { homeProblem } from "./directories.ts";
import { LaunchPlan, type LaunchRequest } from "./launchPlan.ts";
import type { OwnAddress } from "./localServers.ts";
import { type CheckCompatibility, type Cli, hasChanged, locate } from "./locate.ts";
import { readManagedSettings } from "./managedSettings.ts";
import { OverlayTransport } from "./overlay/overlayTransport.ts";
import { PreferredPaths } from "./preferredPaths.ts";
import { Reaper } from "./reaper.ts";
import { COUNT_MOD } from "./rewrite/countMod.ts";
import { REWRITE_MOD } from "./rewrite/rewriteMod.ts";
import { RewriteTransport } from "./rewrite/rewriteTransport.ts";
import { type TransportName, TransportUnavailable } from "./transport.ts";
import { TransportChoice, type TransportOption } from "./transportChoice.ts";
import { Worker } from "./worker.ts";

export interface LauncherOptions {
  claudePath?: string;
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  extraEnvironment: Record<string, string>;
  networkVariables?: Record<string, string>;
  /** Leaves out the helpers that the CLI's own settings name. */
  withoutHelpers?: boolean;
  /** Milliseconds without a byte after which the CLI gives up on upstream; 0 for never. */
  streamIdleTimeout?: number;
  /** How requests travel. */
  transport?: TransportOption;
  /** Milliseconds in which a busy worker must show a sign of life. */
  cliSilence?: number;
}

/** What the launcher works with besides its options. */
export interface LauncherParts {
  logger: Logger;
  /** Called with credentials that must not appear in the log. */
  hide: (credentials: readonly string[]) => void;
  /** Rejects with an `ApiError` where a CLI that was found must not be used. */
  checkCompatibility?: CheckCompatibility;
  /** Where the server listens that the workers are for, so that none calls it. Without it, base URLs are not looked at. */
  ownAddress?: () => OwnAddress | undefined;
  /** Replaces Node's `spawn`. */
  spawn?: Spawn;
  /** Waits for so many milliseconds. */
  pause?: (milliseconds: number) => Promise<unknown>;
}

/** Variables that the CLI prefers to a sign-in by `/login`; empty ones count as missing. */
const NO_CREDENTIALS = { ANTHROPIC_API_KEY: "", ANTHROPIC_AUTH_TOKEN: "", CLAUDE_CODE_OAUTH_TOKEN: "" };
/** How often a start is tried with a CLI that is replaced at this moment. */
const START_ATTEMPTS = 3;
/**
 * An update by npm takes the CLI away until the next one is downloaded and extracted: how many milliseconds, and how often, it
 * is looked for.
 */
const RETURN = { time: 60_000, pause: 500 };
/** Problems of a CLI that an update may just be replacing. */
const TRANSIENT_PROBLEMS: ReadonlySet<unknown> = new Set<CliErrorCode>(["cli_missing", "cli_unusable"]);

/** Finds the CLI and starts workers of it. Before each start it looks whether the CLI is still the one that was checked. */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #parts: LauncherParts;
  readonly #reaper: Reaper;
  readonly #budget = new TurnBudget();
  #cli: Promise<Cli> | undefined;
  #found: Cli | undefined;
  readonly #plan: LaunchPlan;
  /** Whether workers need the mod that ends further steps, as the last one showed; undefined before any has. */
  #needsStepMod: boolean | undefined;
  readonly #preferred = new PreferredPaths();
  /** Whether to wait for a CLI that has vanished, which is done once. */
  #awaitsReturn = false;
  #isClosed = false;
  readonly choice: TransportChoice;

  constructor(options: LauncherOptions, parts: LauncherParts) {
    this.#options = options;
    this.#parts = parts;
    this.#reaper = new Reaper(process.platform, parts.spawn);
    this.choice = new TransportChoice(options.transport ?? "auto", parts.logger, {
      checkCompatibility: parts.checkCompatibility,
    });
    this.#plan = new LaunchPlan(options, parts);
  }

  /** The CLI that was found last; never waits. */
  get found(): Cli | undefined {
    return this.#found;
  }

  /** Base URLs that lead back to this machine's servers, which the last worker was started without. */
  get removedBaseUrls(): readonly RemovedBaseUrl[] {
    return this.#plan.removedBaseUrls;
  }

  /**
   * Resolves with how requests travel now, as far as it is known before a worker is started. Throws `ApiError` when there is
   * no usable CLI.
   */
  async chooseTransport(): Promise<TransportName> {
    const cli = await this.locate();
    await this.choice.inspect(cli, await this.#plan.variables());
    return this.choice.name;
  }

  /** Starts a worker. Throws `ApiError` when there is no usable CLI, and `TransportUnavailable`. */
  async launch(request: LaunchRequest): Promise<Worker> {
    for (let attempt = 1; ; attempt++) {
      if (request.transport === "rewrite" && (await this.chooseTransport()) === "overlay")
        throw new TransportUnavailable(this.choice.reason);
      const cli = await this.locate();
      if (request.counts) await this.choice.inspectCounts(cli);
      if (request.transport === "overlay") await this.#parts.checkCompatibility?.(cli, "overlay");
      // before a worker has shown it, managed settings make it likely
      const managed = await readManagedSettings();
      const hasStepMod = this.#needsStepMod ?? managed.length > 0;
      const { launch, key } = await this.#plan.prepare(cli, request, hasStepMod, managed).catch((error) => {
        throw cliNotStarted(error);
      });
      const process = new CliProcess(launch, this.#reaper, this.#parts.spawn, this.#budget);
      try {
        await process.started;
      } catch (error) {
        if (isScarcity(error)) throw cliNotStarted(error);
        // it was replaced or removed after it was looked at, or its interpreter was
        this.#cli = undefined;
        if (attempt === START_ATTEMPTS) throw cliNotStarted(error);
        continue;
      }
      const worker = this.#workerOf(process, cli, request, hasStepMod);
      worker.helperKey = key;
      return worker;
    }
  }

  /**
   * Has the next workers get the mods that this one turned out to need. Returns whether it lacked one, so that another
   * start is worth a try.
   */
  learnFrom(worker: Worker): boolean {
    const { transport } = worker;
    if (transport instanceof OverlayTransport && transport.mods.areJudged) {
      this.#needsStepMod = transport.mods.needStepMod;
    }
    this.choice.learnFrom(worker);
    return transport.mods.reasonToRetire !== undefined;
  }

  #workerOf(process: CliProcess, cli: Cli, request: LaunchRequest, hasStepMod: boolean): Worker {
    const { transport, background, counts = false } = request;
    const { logger } = this.#parts;
    const { streamIdleTimeout = 0, cliSilence: silence } = this.#options;
    if (background) process.lowerPriority();
    const { route } = process;
    const worker = new Worker({
      process,
      transport:
        transport === "rewrite"
          ? new RewriteTransport(route, streamIdleTimeout, (counts ? COUNT_MOD : REWRITE_MOD).name)
          : new OverlayTransport(route, hasStepMod),
      logger,
      silence,
      cli,
    });
    logger.info(`worker ${process.pid} started (Claude Code ${cli.version})`);
    void process.exited.then((how) => logger.info(`worker ${process.pid} ended (${how})`));
    return worker;
  }

  /** Finds a CLI that is fit, anew where it has changed; only success is kept, so an installation needs no restart. */
  async locate(): Promise<Cli> {
    const known = this.#cli;
    // a search that failed rejects for the start that waits for it
    const cli = await known?.catch(() => undefined);
    if (cli && (await this.isOutdated(cli)) && this.#cli === known) this.#cli = undefined;
    this.#cli ??= this.#find();
    const search = this.#cli;
    try {
      return this.#adopt(await search);
    } catch (error) {
      if (this.#cli === search) this.#cli = undefined;
      throw error;
    }
  }

  /** Starts workers of the same CLI without any key, token or helper: what is left is a sign-in by `/login`. */
  withoutCredentials(): Launcher {
    const { checkCompatibility: _, logger, ...parts } = this.#parts;
    const { claudePath = this.#found?.path, extraEnvironment, ...options } = this.#options;
    const bare = { ...options, withoutHelpers: true, extraEnvironment: { ...extraEnvironment, ...NO_CREDENTIALS } };
    // what it says of itself was logged before
    const quiet = { ...logger, warn: logger.debug, info: logger.debug };
    return new Launcher(claudePath === undefined ? bare : { ...bare, claudePath }, { ...parts, logger: quiet });
  }

  /**
   * Looks anew at a CLI of which a new worker did not come up. Resolves with whether another one, or another version, is
   * used now, so that the worker is worth a second try.
   */
  async isReplaced(suspect: Cli): Promise<boolean> {
    if (suspect === this.#found) this.#cli = undefined;
    const cli = await this.locate();
    return !isSame(suspect, cli);
  }

  /** Whether the program was replaced, or another one may be preferred to it now. */
  async isOutdated(cli: Cli): Promise<boolean> {
    return (await hasChanged(cli)) || (await this.#preferred.haveChanged());
  }

  async #find(): Promise<Cli> {
    const { claudePath, environment, extraEnvironment } = this.#options;
    const { logger, pause = delay, checkCompatibility } = this.#parts;
    const given = { ...environment, ...extraEnvironment };
    const trouble = await homeProblem(given);
    if (trouble) logger.warn(trouble.text);
    const returns = this.#awaitsReturn ? RETURN.time / RETURN.pause : 0;
    this.#awaitsReturn = false;
    const search = () => locate(claudePath, given, undefined, checkCompatibility);
    for (let attempt = 0; ; attempt++) {
      try {
        const cli = await this.#preferred.track(search, this.#found?.path);
        if (!(await hasChanged(cli)) || attempt === START_ATTEMPTS) return isSame(cli, this.#found) ? this.#found : cli;
      } catch (error) {
        const isPassing = error instanceof ApiError && TRANSIENT_PROBLEMS.has(error.details?.error_code);
        if (!isPassing || attempt >= returns || this.#isClosed) throw error;
        if (attempt === 0)
          logger.warn(`${error.message} An update may put it back: waiting for up to ${RETURN.time / 1000} s.`);
        await pause(RETURN.pause);
      }
    }
  }

  #adopt(cli: Cli): Cli {
    const before = this.#found;
    if (cli === before) return cli;
    const { logger } = this.#parts;
    this.#found = cli;
    this.#awaitsReturn = true;
    for (const { path, reason } of cli.skipped) logger.warn(`skipped '${path}': ${reason}`);
    if (!before) logger.info(`Claude Code ${cli.version} at ${cli.path}`);
    else logger.info(`Claude Code changed: ${before.version} at ${before.path} is now ${cli.version} at ${cli.path}`);
    return cli;
  }

  /** Lets the reaper go, which kills whatever still runs. */
  close(): void {
    this.#isClosed = true;
    this.#reaper.close();
  }
}

/** Whether two searches found the same program in the same state. */
function isSame(cli: Cli, other: Cli | undefined): other is Cli {
  return cli.path === other?.path && cli.version === other.version && cli.identity.current === other.identity.current;
}
