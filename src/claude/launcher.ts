import { setTimeout as delay } from "node:timers/promises";
import { type CliErrorCode, cliNotStarted, isScarcity } from "../api/cliErrors.ts";
import { ApiError } from "../api/errors.ts";
import { EventLoopBudget } from "../shared/eventLoopBudget.ts";
import type { Logger } from "../shared/logger.ts";
import { LaunchPlan, type LaunchRequest } from "./launchPlan.ts";
import { type CheckCompatibility, type Cli, hasChanged, locate } from "./locate/locate.ts";
import { PreferredPaths } from "./locate/preferredPaths.ts";
import type { RemovedBaseUrl } from "./process/baseUrlFilter.ts";
import { CliProcess, type Spawn } from "./process/cliProcess.ts";
import { homeProblem } from "./process/directories.ts";
import type { OwnAddress } from "./process/localServers.ts";
import { Reaper } from "./process/reaper.ts";
import { readManagedSettings } from "./signIn/managedSettings.ts";
import { OverlayTransport } from "./transport/overlay/overlayTransport.ts";
import { COUNT_MOD } from "./transport/rewrite/countMod.ts";
import { REWRITE_MOD } from "./transport/rewrite/rewriteMod.ts";
import { RewriteTransport } from "./transport/rewrite/rewriteTransport.ts";
import { type TransportName, TransportUnavailable } from "./transport/transport.ts";
import { TransportChoice, type TransportOption } from "./transport/transportChoice.ts";
import { Worker } from "./worker.ts";

export interface LauncherOptions {
  claudePath?: string;
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  extraEnvironment: Record<string, string>;
  networkVariables?: Record<string, string>;
  /** Ignores the helpers in the CLI's settings. */
  withoutHelpers?: boolean;
  streamIdleTimeout?: number;
  transport?: TransportOption;
  cliSilence?: number;
}

export interface LauncherParts {
  logger: Logger;
  /** Called with credentials to keep out of the log. */
  hide: (credentials: readonly string[]) => void;
  checkCompatibility?: CheckCompatibility;
  /** Address of this server, so that no worker calls it. If absent, base URLs are not checked. */
  ownAddress?: () => OwnAddress | undefined;
  spawn?: Spawn;
  pause?: (milliseconds: number) => Promise<unknown>;
}

/** Variables that the CLI prefers to a `/login` sign-in; empty ones count as unset. */
const NO_CREDENTIALS = { ANTHROPIC_API_KEY: "", ANTHROPIC_AUTH_TOKEN: "", CLAUDE_CODE_OAUTH_TOKEN: "" };
/** Attempts to start while the CLI is being replaced. */
const START_ATTEMPTS = 3;
/** An npm update removes the CLI until the next version is extracted. */
const REINSTALL_TIMEOUT_MS = 60_000;
const REINSTALL_POLL_MS = 500;
/** Problems that an update in progress may cause. */
const TRANSIENT_PROBLEMS: ReadonlySet<unknown> = new Set<CliErrorCode>(["cli_missing", "cli_unusable"]);

/** Finds the CLI and starts workers, checking before each start that the CLI is unchanged. */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #parts: LauncherParts;
  readonly #reaper: Reaper;
  readonly #budget = new EventLoopBudget();
  #cli: Promise<Cli> | undefined;
  #found: Cli | undefined;
  readonly #plan: LaunchPlan;
  /** Whether the last worker needed the step mod; undefined before the first. */
  #needsStepMod: boolean | undefined;
  readonly #preferred = new PreferredPaths();
  /** Whether to wait if the CLI vanishes; done once. */
  #awaitsReinstall = false;
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

  get found(): Cli | undefined {
    return this.#found;
  }

  /** Base URLs removed from the last worker's environment. */
  get removedBaseUrls(): readonly RemovedBaseUrl[] {
    return this.#plan.removedBaseUrls;
  }

  /** The transport to use, as far as known before a worker starts. Throws `ApiError` if no CLI is usable. */
  async chooseTransport(): Promise<TransportName> {
    const cli = await this.locate();
    await this.choice.inspect(cli, await this.#plan.variables());
    return this.choice.name;
  }

  /** Starts a worker. Throws `ApiError` if no CLI is usable, and `TransportUnavailable`. */
  async launch(request: LaunchRequest): Promise<Worker> {
    for (let attempt = 1; ; attempt++) {
      if (request.transport === "rewrite" && (await this.chooseTransport()) === "overlay")
        throw new TransportUnavailable(this.choice.reason);
      const cli = await this.locate();
      if (request.counts) await this.choice.inspectCounts(cli);
      if (request.transport === "overlay") await this.#parts.checkCompatibility?.(cli, "overlay");
      // until a worker has shown it, assume it where settings are managed
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
        // the program or its interpreter was replaced or removed since the search
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
   * Gives the next workers the mods that this one needed. True if it lacked one, so that a second start may succeed.
   */
  learnFrom(worker: Worker): boolean {
    const { transport } = worker;
    if (transport instanceof OverlayTransport && transport.mods.areChecked) {
      this.#needsStepMod = transport.mods.needStepMod;
    }
    this.choice.learnFrom(worker);
    return transport.mods.reasonToRetire !== undefined;
  }

  #workerOf(process: CliProcess, cli: Cli, request: LaunchRequest, hasStepMod: boolean): Worker {
    const { transport, background, counts = false } = request;
    const { logger } = this.#parts;
    const { streamIdleTimeout = 0, cliSilence: silenceLimit } = this.#options;
    if (background) process.lowerPriority();
    const { route } = process;
    const worker = new Worker({
      process,
      transport:
        transport === "rewrite"
          ? new RewriteTransport(route, streamIdleTimeout, (counts ? COUNT_MOD : REWRITE_MOD).name)
          : new OverlayTransport(route, hasStepMod),
      logger,
      silenceLimit,
      cli,
    });
    logger.info(`worker ${process.pid} started (Claude Code ${cli.version})`);
    void process.exited.then((how) => logger.info(`worker ${process.pid} ended (${how})`));
    return worker;
  }

  /** Finds a usable CLI, again if it has changed. Failures are not cached. */
  async locate(): Promise<Cli> {
    const known = this.#cli;
    // a failed search rejects for the start that waits for it
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

  /** A launcher without keys, tokens and helpers, for the `/login` sign-in. */
  withoutCredentials(): Launcher {
    const { checkCompatibility: _, logger, ...parts } = this.#parts;
    const { claudePath = this.#found?.path, extraEnvironment, ...options } = this.#options;
    const bare = { ...options, withoutHelpers: true, extraEnvironment: { ...extraEnvironment, ...NO_CREDENTIALS } };
    // the original launcher has logged the same already
    const quiet = { ...logger, warn: logger.debug, info: logger.debug };
    return new Launcher(claudePath === undefined ? bare : { ...bare, claudePath }, { ...parts, logger: quiet });
  }

  /** Searches again after a worker failed to start. True if that found another CLI or version. */
  async isReplaced(suspect: Cli): Promise<boolean> {
    if (suspect === this.#found) this.#cli = undefined;
    const cli = await this.locate();
    return !isSame(suspect, cli);
  }

  async isOutdated(cli: Cli): Promise<boolean> {
    return (await hasChanged(cli)) || (await this.#preferred.haveChanged());
  }

  async #find(): Promise<Cli> {
    const { claudePath, environment, extraEnvironment } = this.#options;
    const { logger, pause = delay, checkCompatibility } = this.#parts;
    const given = { ...environment, ...extraEnvironment };
    const problem = await homeProblem(given);
    if (problem) logger.warn(problem.text);
    const reinstallAttempts = this.#awaitsReinstall ? REINSTALL_TIMEOUT_MS / REINSTALL_POLL_MS : 0;
    this.#awaitsReinstall = false;
    const search = () => locate(claudePath, given, undefined, checkCompatibility);
    for (let attempt = 0; ; attempt++) {
      try {
        const cli = await this.#preferred.track(search, this.#found?.path);
        if (!(await hasChanged(cli)) || attempt === START_ATTEMPTS) return isSame(cli, this.#found) ? this.#found : cli;
      } catch (error) {
        const isTransient = error instanceof ApiError && TRANSIENT_PROBLEMS.has(error.details?.error_code);
        if (!isTransient || attempt >= reinstallAttempts || this.#isClosed) throw error;
        if (attempt === 0)
          logger.warn(
            `${error.message} Waiting for an update to put it back, for up to ${REINSTALL_TIMEOUT_MS / 1000} s.`,
          );
        await pause(REINSTALL_POLL_MS);
      }
    }
  }

  #adopt(cli: Cli): Cli {
    const before = this.#found;
    if (cli === before) return cli;
    const { logger } = this.#parts;
    this.#found = cli;
    this.#awaitsReinstall = true;
    for (const { path, reason } of cli.skipped) logger.warn(`skipped '${path}': ${reason}`);
    if (!before) logger.info(`Claude Code ${cli.version} at ${cli.path}`);
    else logger.info(`Claude Code changed: ${before.version} at ${before.path} is now ${cli.version} at ${cli.path}`);
    return cli;
  }

  /** Ends the reaper, which kills all processes that still run. */
  close(): void {
    this.#isClosed = true;
    this.#reaper.close();
  }
}

function isSame(cli: Cli, other: Cli | undefined): other is Cli {
  return cli.path === other?.path && cli.version === other.version && cli.identity.current === other.identity.current;
}
