import { join } from "node:path";
import { cliNotStarted, isScarcity } from "../api/cliErrors.ts";
import type { Logger } from "../shared/logger.ts";
import { makePrivateDirectory } from "../shared/privateFiles.ts";
import { credentialsOf } from "../shared/redact.ts";
import { CliProcess, type Spawn } from "./cliProcess.ts";
import { childEnvironment } from "./environment.ts";
import { type Cli, locate } from "./locate.ts";
import { installOneCallMod } from "./oneCallMod.ts";
import { Reaper } from "./reaper.ts";
import { readSignInSettings, type SignInSettings } from "./signInSettings.ts";
import { Worker } from "./worker.ts";

export interface LauncherOptions {
  claudePath?: string;
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  extraEnvironment: Record<string, string>;
  /** Milliseconds without a byte after which the CLI gives up on upstream; 0 for never. */
  streamIdleTimeout?: number;
  /** Milliseconds in which a busy worker must show a sign of life. */
  cliSilence?: number;
}

/** What the launcher works with besides its options. */
export interface LauncherParts {
  logger: Logger;
  /** Called with credentials that must not appear in the log. */
  hide: (credentials: readonly string[]) => void;
  /** Rejects with an `ApiError` where a CLI that was found must not be used. */
  requireFit?: (cli: Cli) => Promise<void>;
  /** Replaces Node's `spawn`. */
  spawn?: Spawn;
}

/**
 * How a worker is started. No tools, no settings of the user or a project, no MCP servers, no session files, no slash
 * commands: what is left is one request, one answer. The model here is a placeholder, since each request brings its own.
 */
export const ARGUMENTS: readonly string[] = [
  "-p",
  ...["--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--include-partial-messages"],
  ...["--tools", "", "--setting-sources", "", "--strict-mcp-config", "--no-session-persistence"],
  ...["--disable-slash-commands", "--max-turns", "1", "--model", "sonnet", "--debug-to-stderr"],
];

/** Finds the CLI once and starts workers of it. */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #parts: LauncherParts;
  readonly #reaper: Reaper;
  #cli: Promise<Cli> | undefined;
  #found: Cli | undefined;

  constructor(options: LauncherOptions, parts: LauncherParts) {
    this.#options = options;
    this.#parts = parts;
    this.#reaper = new Reaper(process.platform, parts.spawn);
  }

  /** The CLI, if it was found already; never waits. */
  get found(): Cli | undefined {
    return this.#found;
  }

  /**
   * Starts a worker whose requests carry `betas` besides the CLI's own, behind others if it is
   * for the `background`. Throws `ApiError` when there is no usable CLI.
   */
  async launch(betas: readonly string[], background: boolean): Promise<Worker> {
    const cli = await this.locate();
    try {
      return await this.#start(cli, betas, background);
    } catch (error) {
      // it may have been moved or replaced since it was found
      if (!isScarcity(error)) this.#cli = undefined;
      throw cliNotStarted(error);
    }
  }

  async #start({ command, prefix, version }: Cli, betas: readonly string[], background: boolean): Promise<Worker> {
    const { environment, extraEnvironment, dataDir, streamIdleTimeout, cliSilence } = this.#options;
    const cwd = join(dataDir, "empty");
    await makePrivateDirectory(cwd);
    const signIn = await this.#signIn();
    const helpers = Object.keys(signIn.helpers).length > 0 ? ["--settings", JSON.stringify(signIn.helpers)] : [];
    const args = [...prefix, ...ARGUMENTS, ...helpers, "--plugin-dir", await installOneCallMod(dataDir)];
    const given = { ...environment, ...signIn.environment };
    const child = childEnvironment(given, extraEnvironment, betas, streamIdleTimeout);
    const process = new CliProcess({ command, args, environment: child, cwd }, this.#reaper, this.#parts.spawn);
    await process.started;
    if (background) process.yieldToOthers();
    const worker = new Worker(process, this.#parts.logger, cliSilence);
    this.#parts.logger.info(`worker ${process.pid} started (Claude Code ${version})`);
    void process.exited.then((how) => this.#parts.logger.info(`worker ${process.pid} ended (${how})`));
    return worker;
  }

  /** Read anew for each worker, so that a change there needs no restart. */
  async #signIn(): Promise<SignInSettings> {
    const { environment, extraEnvironment } = this.#options;
    try {
      const settings = await readSignInSettings({ ...environment, ...extraEnvironment });
      this.#parts.hide(credentialsOf(settings.environment));
      return settings;
    } catch (error) {
      if (isScarcity(error)) throw error;
      this.#parts.logger.warn((error as Error).message);
      return { environment: {}, helpers: {} };
    }
  }

  /** Finds a CLI that is fit; only success is kept, so that an installation is noticed without a restart. */
  async locate(): Promise<Cli> {
    this.#cli ??= this.#find();
    try {
      this.#found = await this.#cli;
      return this.#found;
    } catch (error) {
      this.#cli = undefined;
      throw error;
    }
  }

  async #find(): Promise<Cli> {
    const { claudePath, environment, extraEnvironment } = this.#options;
    const cli = await locate(claudePath, { ...environment, ...extraEnvironment });
    await this.#parts.requireFit?.(cli);
    return cli;
  }

  /** Lets the reaper go, which kills whatever still runs. */
  close(): void {
    this.#reaper.close();
  }
}
