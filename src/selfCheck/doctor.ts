import { cliIncompatible } from "../api/cliErrors.ts";
import { describe } from "../api/messageDescriptors.ts";
import { Launcher, type LauncherOptions, type LauncherParts } from "../claude/launcher.ts";
import { type CheckCompatibility, type CheckedPart, type Cli, locate } from "../claude/locate/locate.ts";
import { findOverridden } from "../claude/pool/overriddenSignIn.ts";
import { startWorker } from "../claude/pool/startWorker.ts";
import { homeProblem } from "../claude/process/directories.ts";
import { authoritiesProblem } from "../claude/process/network.ts";
import { signInOf } from "../claude/signIn/account.ts";
import { readManagedSettings } from "../claude/signIn/managedSettings.ts";
import { readSignInSettings, settingsPath } from "../claude/signIn/signInSettings.ts";
import { mayRewrite } from "../claude/transport/transportChoice.ts";
import {
  checkNotes,
  cliNotes,
  countNotes,
  type DoctorNote,
  helperNotes,
  homeNotes,
  leftOutNotes,
  networkNotes,
  type Origins,
  organizationNotes,
  signInNotes,
  transportNotes,
} from "./doctorNotes.ts";
import { type CheckResult, ChecksSkipped, describeCheck, runChecks } from "./runChecks.ts";

export interface DoctorOptions extends LauncherOptions {
  selfCheck: boolean;
}

interface Checked {
  cli: Cli;
  results: CheckResult[];
  /** Failed checks of rewriting, if the overlay was checked instead. */
  failed?: CheckResult[];
  /** Results for exact counts, if requests are rewritten. */
  counts?: CheckResult[];
  unchecked?: ChecksSkipped;
}

/** Finds the CLI, checks it and asks for its sign-in. Throws `ApiError` if it is missing or does not run. */
export async function collectNotes(options: DoctorOptions, parts: LauncherParts): Promise<DoctorNote[]> {
  const { cli, results, failed = [], counts = [], unchecked } = await find(options, parts);
  const checkCompatibility: CheckCompatibility = async (_, part) => {
    if (part === "rewrite" && failed.length > 0)
      throw cliIncompatible(cli.version, namesOf(failed), failed.map(describeCheck));
  };
  const launcher = new Launcher({ ...options, claudePath: cli.path }, { ...parts, checkCompatibility });
  try {
    const { worker, description } = await startWorker(launcher, "");
    await worker.stop();
    const signIn = signInOf(description);
    const overridden = await findOverridden(signIn, launcher, { isAwaited: true });
    const home = await homeProblem({ ...options.environment, ...options.extraEnvironment });
    return [
      ...cliNotes(cli.path, cli.version, cli.skipped),
      ...homeNotes(home, signIn),
      ...leftOutNotes(launcher.removedBaseUrls),
      ...signInNotes(signIn, overridden, await originsOf(options)),
      ...helperNotes(worker.helperFailure),
      ...networkNotes(worker.route, await authoritiesProblem(worker.route)),
      ...transportNotes(worker.transport.name, launcher.choice.reason, launcher.choice.describedReason),
      ...countNotes(counts),
      ...organizationNotes(await readManagedSettings(), description.organization),
      ...checkNotes(
        [...results, ...counts.filter(({ reason }) => reason === undefined)],
        unchecked?.message,
        unchecked?.descriptor,
      ),
    ];
  } finally {
    launcher.close();
  }
}

async function originsOf({ environment, extraEnvironment }: LauncherOptions): Promise<Origins> {
  const given = { ...environment, ...extraEnvironment };
  const path = settingsPath(given);
  const settings = await readSignInSettings(given).catch(() => undefined);
  return (variable) => {
    const file = { text: path, described: path };
    if (variable === "apiKeyHelper") return file;
    if (extraEnvironment[variable])
      return { text: "the setting 'environment'", described: describe("environment_setting", {}) };
    if (settings?.environment[variable]) return file;
    return environment[variable] ? { text: "the environment", described: describe("environment", {}) } : undefined;
  };
}

/** The CLI that the server would use; the first one if all fail their checks. */
async function find(options: DoctorOptions, parts: LauncherParts): Promise<Checked> {
  const checked: Checked[] = [];
  const checkCompatibility = async (cli: Cli) => {
    const result = { cli, ...(await tryChecks(cli, options, parts)) };
    checked.push(result);
    const failed = failedOf(result.results);
    if (failed.length > 0) throw cliIncompatible(cli.version, namesOf(failed), failed.map(describeCheck));
  };
  try {
    const given = { ...options.environment, ...options.extraEnvironment };
    const cli = await locate(options.claudePath, given, undefined, checkCompatibility);
    return { results: [], ...checked.at(-1), cli };
  } catch (error) {
    const [first] = checked;
    if (first) return first;
    // the search may have found nothing because the home does not exist
    const problem = await homeProblem({ ...options.environment, ...options.extraEnvironment });
    if (problem) parts.logger.error(problem.text);
    throw error;
  }
}

/** Checks the transport that the server would use, and the overlay if rewriting fails. */
async function tryChecks(cli: Cli, options: DoctorOptions, parts: LauncherParts): Promise<Omit<Checked, "cli">> {
  if (!options.selfCheck) {
    const descriptor = describe("option_given", { name: "--no-self-check" });
    return { results: [], unchecked: new ChecksSkipped("--no-self-check was given", descriptor) };
  }
  const check = (part: CheckedPart) => runChecks(cli, options.environment, parts.logger, part);
  try {
    if (options.transport === "overlay" || !mayRewrite(cli)) return { results: await check("overlay") };
    const results = await check("rewrite");
    const failed = failedOf(results);
    if (failed.length > 0) return { results: await check("overlay"), failed };
    return { results, counts: await check("counts") };
  } catch (error) {
    if (error instanceof ChecksSkipped) return { results: [], unchecked: error };
    throw error;
  }
}

const failedOf = (results: readonly CheckResult[]) => results.filter(({ reason }) => reason !== undefined);

const namesOf = (results: readonly CheckResult[]) => results.map(({ name }) => name);
