import { join } from "node:path";
import { cliEnvironment, isScarcity } from "../api/cliErrors.ts";
import { describeDirectoryFault } from "../api/directoryFaults.ts";
import { describe } from "../api/messageDescriptors.ts";
import { whyUnusable } from "../shared/directories.ts";
import { makePrivateDirectory } from "../shared/privateFiles.ts";
import { credentialsOf } from "../shared/redact.ts";
import type { LauncherOptions, LauncherParts } from "./launcher.ts";
import type { Cli } from "./locate/locate.ts";
import { BaseUrlFilter, type RemovedBaseUrl } from "./process/baseUrlFilter.ts";
import type { Launch } from "./process/cliProcess.ts";
import { temporaryDirectory } from "./process/directories.ts";
import { childEnvironment } from "./process/environment.ts";
import { installMod, type Mod } from "./process/modFiles.ts";
import { editorDefaults, prepareNetwork } from "./process/network.ts";
import { type HelperKey, withHelpers } from "./signIn/helperKey.ts";
import { type ManagedSettings, managedHelper } from "./signIn/managedSettings.ts";
import { readSignInSettings, type SignInSettings, settingsPath } from "./signIn/signInSettings.ts";
import { ONE_CALL_MOD, ONE_STEP_MOD } from "./transport/overlay/oneCallMod.ts";
import { COUNT_MOD } from "./transport/rewrite/countMod.ts";
import { REWRITE_MOD } from "./transport/rewrite/rewriteMod.ts";
import type { TransportName } from "./transport/transport.ts";

/**
 * No tools, user or project settings, MCP servers, session files or slash commands: one request gets one answer. The
 * model is a placeholder.
 */
export const CLI_ARGUMENTS: readonly string[] = [
  "-p",
  ...["--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--include-partial-messages"],
  ...["--tools", "", "--setting-sources", "", "--strict-mcp-config", "--no-session-persistence"],
  ...["--disable-slash-commands", "--max-turns", "1", "--model", "sonnet"],
];

/**
 * A call that our mod did not rewrite has no messages, so the API rejects it, and no tokens, should a gateway accept
 * it.
 */
export const TRANSPORT_LAUNCH: Record<TransportName, { args: readonly string[]; environment: Record<string, string> }> =
  {
    overlay: { args: ["--debug-to-stderr"], environment: {} },
    rewrite: {
      args: [],
      environment: {
        CLAUDE_CODE_EXTRA_BODY: '{"messages":[],"max_tokens":0}',
        CLAUDE_CODE_DISABLE_THINKING: "1",
        CLAUDE_CODE_EFFORT_LEVEL: "unset",
        DISABLE_PROMPT_CACHING: "1",
      },
    },
  };

/** Only the debug lines say why the counter failed. */
const COUNTER_ARGUMENTS = ["--debug-to-stderr"];

function modsFor({ transport, counts }: LaunchRequest, hasStepMod: boolean): Mod[] {
  if (transport === "rewrite") return [counts ? COUNT_MOD : REWRITE_MOD];
  return hasStepMod ? [ONE_CALL_MOD, ONE_STEP_MOD] : [ONE_CALL_MOD];
}

export interface LaunchRequest {
  transport: TransportName;
  /** Betas in addition to the CLI's own, unless requests carry them. */
  betas?: readonly string[];
  background?: boolean | undefined;
  /** Whether it only counts. */
  counts?: boolean | undefined;
}

export interface PreparedLaunch {
  launch: Launch;
  key?: HelperKey;
}

export class LaunchPlan {
  readonly #options: LauncherOptions;
  readonly #parts: LauncherParts;
  readonly #baseUrlFilter: BaseUrlFilter;

  constructor(options: LauncherOptions, parts: LauncherParts) {
    this.#options = options;
    this.#parts = parts;
    this.#baseUrlFilter = new BaseUrlFilter(parts.ownAddress, parts.logger);
  }

  get removedBaseUrls(): readonly RemovedBaseUrl[] {
    return this.#baseUrlFilter.removedBaseUrls;
  }

  async variables(): Promise<NodeJS.ProcessEnv> {
    const { environment, extraEnvironment } = this.#options;
    return { ...environment, ...(await this.#signIn()).environment, ...extraEnvironment };
  }

  /** `hasStepMod` adds the mod that ends further steps. Throws `ApiError` if a directory is unusable. */
  async prepare(
    { command, prefix, searchPath }: Cli,
    request: LaunchRequest,
    hasStepMod: boolean,
    managed: readonly ManagedSettings[],
  ): Promise<PreparedLaunch> {
    const { transport, betas = [] } = request;
    const { environment, extraEnvironment, networkVariables, dataDir, streamIdleTimeout } = this.#options;
    await temporaryDirectory({ ...environment, ...extraEnvironment });
    const cwd = join(dataDir, "empty");
    const mods = await inDataDirectory(dataDir, async () => {
      await makePrivateDirectory(cwd);
      return Promise.all(modsFor(request, hasStepMod).map((mod) => installMod(dataDir, mod)));
    });
    const signIn = await this.#signIn();
    const [own, settings, extra] = await this.#baseUrlFilter.apply(
      { place: "the server's environment", describedPlace: describe("environment", {}), variables: environment },
      { place: settingsPath({ ...environment, ...extraEnvironment }), ...signIn, variables: signIn.environment },
      {
        place: "the setting 'environment'",
        describedPlace: describe("environment_setting", {}),
        variables: extraEnvironment,
      },
    );
    const args = [
      ...prefix,
      ...CLI_ARGUMENTS,
      ...TRANSPORT_LAUNCH[transport].args,
      ...(request.counts ? COUNTER_ARGUMENTS : []),
      ...mods.flatMap((mod) => ["--plugin-dir", mod]),
    ];
    const named = { ...own.variables, ...settings.variables };
    const given = { ...editorDefaults({ ...named, ...extra.variables }, networkVariables ?? {}), ...named };
    const child = childEnvironment(given, extra.variables, betas, streamIdleTimeout);
    Object.assign(child, TRANSPORT_LAUNCH[transport].environment);
    prepareNetwork(child);
    if (searchPath !== undefined) child.PATH = searchPath;
    const helpers = { ...settings.helpers, ...managedHelper(managed) };
    return withHelpers({ command, args, environment: child, cwd }, helpers);
  }

  /** Read for each worker, so that changes need no restart. */
  async #signIn(): Promise<SignInSettings> {
    const { environment, extraEnvironment, withoutHelpers } = this.#options;
    try {
      const settings = await readSignInSettings({ ...environment, ...extraEnvironment });
      this.#parts.hide(credentialsOf(settings.environment));
      return withoutHelpers ? { ...settings, helpers: {} } : settings;
    } catch (error) {
      if (isScarcity(error)) throw error;
      this.#parts.logger.warn((error as Error).message);
      return { environment: {}, helpers: {} };
    }
  }
}

/** Throws an `ApiError` naming the data directory if `work` fails because of it. */
async function inDataDirectory<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = whyUnusable(error);
    if (reason === undefined) throw error;
    const descriptor = describe("data_directory_unusable", { path: dataDir, reason: describeDirectoryFault(error) });
    throw cliEnvironment("the data directory", dataDir, reason, descriptor);
  }
}
