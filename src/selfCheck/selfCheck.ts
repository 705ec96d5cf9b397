import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CliDescription } from "../claude/description.ts";
import { temporaryDirectory } from "../claude/directories.ts";
import { Launcher } from "../claude/launcher.ts";
import type { Cli } from "../claude/locate.ts";
import { keysOf, leadingAway, readManagedSettings } from "../claude/managedSettings.ts";
import { describeOverrides, overridesIn } from "../claude/managedVariables.ts";
import { startWorker } from "../claude/startWorker.ts";
import type { TransportName } from "../claude/transport.ts";
import type { TransportOption } from "../claude/transportChoice.ts";
import type { Logger } from "../shared/logger.ts";
import { Bench, SYSTEM } from "./bench.ts";
import { ALIAS, CHECKS, type Check } from "./checks.ts";
import { Upstream } from "./upstream.ts";

/** How one check went; `reason` where it failed. */
export interface Finding {
  name: string;
  reason?: string;
}

/** Why a self-check was not run: it could not have been kept on this machine, or would not have been about the CLI. */
export class NotContained extends Error {}

/** What is lost where a worker cannot rewrite requests at all. */
const REWRITABLE = "requests can be rewritten";

const transportOption = (transport: TransportName): TransportOption => (transport === "rewrite" ? "auto" : "overlay");

/** Seconds for all checks together: a hang bound, since they take about two. */
const TIMEOUT = 60;

/** Variables that would lead the CLI to a user's sign-in, or around our upstream. */
const PERSONAL = /^(ANTHROPIC|CLAUDE|AWS|AZURE|GOOGLE|GCLOUD|CLOUD_ML|VERTEX|XDG)_|^(HTTPS?|ALL)_PROXY$/i;

/**
 * Tries everything that the server relies on with this CLI and transport, against an API of our own on the loopback interface, with a
 * dummy key and a home of its own: nothing of the user's is touched, and nothing leaves the machine. Managed settings
 * come before all of that, so with some of them nothing is tried: throws `NotContained` then.
 */
export async function selfCheck(
  cli: Cli,
  environment: NodeJS.ProcessEnv,
  logger: Logger,
  transport: TransportName,
): Promise<Finding[]> {
  const managed = await readManagedSettings();
  requireContained(leadingAway(keysOf(managed)));
  requireOwnVariables(overridesIn(managed));
  logger.info(`checking Claude Code ${cli.version} (${transport})`);
  const home = await mkdtemp(join(await temporaryDirectory(environment), "claude-virtual-api-check-"));
  try {
    await using upstream = await Upstream.start();
    const own = { ...scratchEnvironment(environment, home, upstream), ...(cli.searchPath && { PATH: cli.searchPath }) };
    const options = {
      claudePath: cli.path,
      dataDir: home,
      environment: own,
      extraEnvironment: {},
      transport: transportOption(transport),
    };
    const launcher = new Launcher(options, { logger, hide: () => {} });
    try {
      return await Promise.race([runAll(launcher, upstream, transport), late()]);
    } finally {
      // takes the workers along
      launcher.close();
    }
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

async function runAll(launcher: Launcher, upstream: Upstream, transport: TransportName): Promise<Finding[]> {
  const { worker, description } = await startWorker(launcher, SYSTEM);
  try {
    const { settings = [], guard = null, overrides = [] } = description.organization ?? {};
    // those that no file showed, as of MDM; the CLI has not called yet
    requireContained(leadingAway(settings));
    requireOwnVariables(overrides);
    if (worker.transport.name !== transport) return [{ name: REWRITABLE, reason: launcher.choice.reason ?? "" }];
    const bench = new Bench(worker, upstream, modelOf(description), guard !== null);
    const findings: Finding[] = [];
    for (const check of CHECKS) findings.push(await tried(check, bench));
    return findings;
  } finally {
    await worker.stop();
  }
}

function requireContained(keys: readonly string[]): void {
  if (keys.length === 0) return;
  const names = keys.join(", ");
  throw new NotContained(`managed settings (${names}) decide where Claude Code calls, or with whose sign-in`);
}

/** With an organization's variables in place of ours, what the CLI sends says nothing about its version. */
function requireOwnVariables(overrides: readonly string[]): void {
  if (overrides.length > 0) throw new NotContained(describeOverrides(overrides));
}

/** A model that may be used where an organization restricts them. */
function modelOf({ models }: CliDescription): string {
  const names = models.map(({ value }) => value);
  return names.includes(ALIAS) ? ALIAS : (names.find((name) => name !== "default") ?? ALIAS);
}

async function tried({ name, run }: Check, bench: Bench): Promise<Finding> {
  try {
    await run(bench);
    return { name };
  } catch (error) {
    return { name, reason: (error as Error).message };
  }
}

async function late(): Promise<never> {
  await delay(1000 * TIMEOUT, undefined, { ref: false });
  throw new Error(`Claude Code did not get through its checks within ${TIMEOUT} s.`);
}

function scratchEnvironment(environment: NodeJS.ProcessEnv, home: string, upstream: Upstream): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => !PERSONAL.test(name));
  return {
    ...homesOfManagers(environment),
    ...Object.fromEntries(own),
    HOME: home,
    USERPROFILE: home,
    CLAUDE_CONFIG_DIR: join(home, ".claude"),
    ANTHROPIC_BASE_URL: upstream.url,
    ANTHROPIC_API_KEY: "sk-self-check",
  };
}

/** A version manager's shim finds the CLI by these, or else in the home. */
function homesOfManagers({ HOME: home }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (!home) return {};
  return {
    VOLTA_HOME: join(home, ".volta"),
    ASDF_DATA_DIR: join(home, ".asdf"),
    MISE_DATA_DIR: join(home, ".local", "share", "mise"),
    MISE_CONFIG_DIR: join(home, ".config", "mise"),
  };
}
