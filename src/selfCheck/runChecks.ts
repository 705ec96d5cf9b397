import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { DescribedError, describe, type MessageId, type MessageValue } from "../api/messageDescriptors.ts";
import { Launcher } from "../claude/launcher.ts";
import type { CheckedPart, Cli } from "../claude/locate/locate.ts";
import { startWorker } from "../claude/pool/startWorker.ts";
import { temporaryDirectory } from "../claude/process/directories.ts";
import type { CliDescription } from "../claude/signIn/description.ts";
import { keysOf, readManagedSettings, reroutingSettings } from "../claude/signIn/managedSettings.ts";
import { describeOverrides, overridesIn } from "../claude/signIn/managedVariables.ts";
import { TransportUnavailable } from "../claude/transport/transport.ts";
import type { TransportOption } from "../claude/transport/transportChoice.ts";
import type { Worker } from "../claude/worker.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { ExactCountSession } from "../tokens/exactCountSession.ts";
import { CHECK_SYSTEM_PROMPT, CheckRunner } from "./checkRunner.ts";
import { CHECKS, DEFAULT_ALIAS } from "./checks.ts";
import { COUNT_CHECKS } from "./countChecks.ts";
import { FakeApi } from "./fakeApi.ts";

export interface CheckResult {
  /** The id of its name, for user interfaces in other languages. */
  id?: MessageId;
  name: string;
  /** Set if the check failed. */
  reason?: string;
}

/** The name of a check for user interfaces in other languages. */
export const describeCheck = ({ id, name }: CheckResult): MessageValue =>
  id === undefined ? name : { id, values: {} };

/** Fails if a worker cannot count. */
const COUNTS_CHECK = "tokens can be counted exactly";

/** The checks could have called another machine, or tested an organization's settings instead of the CLI. */
export class ChecksSkipped extends DescribedError {}

const REWRITE_CHECK = "requests can be rewritten";

const transportOption = (part: CheckedPart): TransportOption => (part === "overlay" ? "overlay" : "auto");

/** For all checks together, which take about two seconds. */
const CHECKS_TIMEOUT_S = 60;

/** Variables by which the CLI would find a user's sign-in, or bypass the fake API. */
const PERSONAL_VARIABLE = /^(ANTHROPIC|CLAUDE|AWS|AZURE|GOOGLE|GCLOUD|CLOUD_ML|VERTEX|XDG)_|^(HTTPS?|ALL)_PROXY$/i;

/**
 * Checks `part` of this CLI against a fake API on the loopback interface, with a dummy key and a temporary home, so
 * that it neither uses the user's data nor calls another machine. Throws `ChecksSkipped` for managed settings that
 * override this.
 */
export async function runChecks(
  cli: Cli,
  environment: NodeJS.ProcessEnv,
  logger: Logger,
  part: CheckedPart,
): Promise<CheckResult[]> {
  const managed = await readManagedSettings();
  requireContained(reroutingSettings(keysOf(managed)));
  requireOwnVariables(overridesIn(managed));
  logger.info(`checking Claude Code ${cli.version} (${part})`);
  const home = await mkdtemp(join(await temporaryDirectory(environment), "claude-virtual-api-check-"));
  try {
    await using api = await FakeApi.start();
    const own = { ...scratchEnvironment(environment, home, api), ...(cli.searchPath && { PATH: cli.searchPath }) };
    const options = {
      claudePath: cli.path,
      dataDir: home,
      environment: own,
      extraEnvironment: {},
      transport: transportOption(part),
    };
    const launcher = new Launcher(options, { logger, hide: () => {} });
    try {
      const run = part === "counts" ? countAll(launcher, api) : runAll(launcher, api, part);
      if (await resolvesWithin(1000 * CHECKS_TIMEOUT_S, run)) return await run;
      throw new Error(`Claude Code did not finish its checks within ${CHECKS_TIMEOUT_S} s.`);
    } finally {
      // ends the workers as well
      launcher.close();
    }
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

async function countAll(launcher: Launcher, api: FakeApi): Promise<CheckResult[]> {
  let worker: Worker | undefined;
  try {
    worker = await launcher.launch({ transport: "rewrite", counts: true });
    const model = modelOf(await worker.initialize(""));
    const count = worker.begin(new ExactCountSession(worker));
    await count.begin();
    const results: CheckResult[] = [];
    for (const { id, name, run } of COUNT_CHECKS)
      results.push(await runOne({ id, name, run: () => run({ count, api, model }) }));
    return results;
  } catch (error) {
    if (error instanceof TransportUnavailable)
      return [{ id: "check_countable", name: COUNTS_CHECK, reason: error.message }];
    throw error;
  } finally {
    await worker?.stop();
  }
}

async function runAll(
  launcher: Launcher,
  api: FakeApi,
  transport: Exclude<CheckedPart, "counts">,
): Promise<CheckResult[]> {
  const { worker, description } = await startWorker(launcher, CHECK_SYSTEM_PROMPT);
  try {
    const { settings = [], guard = null, overrides = [] } = description.organization ?? {};
    // settings that are not in files, such as those of MDM; the CLI has made no call yet
    requireContained(reroutingSettings(settings));
    requireOwnVariables(overrides);
    if (worker.transport.name !== transport) {
      return [{ id: "check_rewritable", name: REWRITE_CHECK, reason: launcher.choice.reason ?? "" }];
    }
    const runner = new CheckRunner(worker, api, modelOf(description), guard !== null);
    const results: CheckResult[] = [];
    for (const { id, name, run } of CHECKS) results.push(await runOne({ id, name, run: () => run(runner) }));
    return results;
  } finally {
    await worker.stop();
  }
}

function requireContained(keys: readonly string[]): void {
  if (keys.length === 0) return;
  const names = keys.join(", ");
  throw new ChecksSkipped(
    `managed settings (${names}) decide which address or sign-in Claude Code uses`,
    describe("self_check_of_managed_settings", { names: [...keys] }),
  );
}

/** With an organization's variables in place of ours, the checks would not test the version. */
function requireOwnVariables(overrides: readonly string[]): void {
  if (overrides.length > 0) {
    throw new ChecksSkipped(describeOverrides(overrides), describe("variables_overridden", { names: [...overrides] }));
  }
}

function modelOf({ models }: CliDescription): string {
  const names = models.map(({ value }) => value);
  return names.includes(DEFAULT_ALIAS) ? DEFAULT_ALIAS : (names.find((name) => name !== "default") ?? DEFAULT_ALIAS);
}

async function runOne({
  id,
  name,
  run,
}: CheckResult & { id: MessageId; run: () => Promise<void> }): Promise<CheckResult> {
  try {
    await run();
    return { id, name };
  } catch (error) {
    return { id, name, reason: (error as Error).message };
  }
}

function scratchEnvironment(environment: NodeJS.ProcessEnv, home: string, api: FakeApi): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => !PERSONAL_VARIABLE.test(name));
  return {
    ...versionManagerHomes(environment),
    ...Object.fromEntries(own),
    HOME: home,
    USERPROFILE: home,
    CLAUDE_CONFIG_DIR: join(home, ".claude"),
    ANTHROPIC_BASE_URL: api.url,
    ANTHROPIC_API_KEY: "sk-self-check",
  };
}

/** A version manager's shim finds the CLI by these, or by default in the home. */
function versionManagerHomes({ HOME: home }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (!home) return {};
  return {
    VOLTA_HOME: join(home, ".volta"),
    ASDF_DATA_DIR: join(home, ".asdf"),
    MISE_DATA_DIR: join(home, ".local", "share", "mise"),
    MISE_CONFIG_DIR: join(home, ".config", "mise"),
  };
}
