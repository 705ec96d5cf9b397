import { cliUnfit } from "../api/cliErrors.ts";
import { signInOf } from "../claude/account.ts";
import { homeTrouble } from "../claude/directories.ts";
import { findDisplaced } from "../claude/displaced.ts";
import { Launcher, type LauncherOptions, type LauncherParts } from "../claude/launcher.ts";
import { type Cli, locate, type RequireFit } from "../claude/locate.ts";
import { readManagedSettings } from "../claude/managedSettings.ts";
import { authoritiesTrouble } from "../claude/network.ts";
import { readSignInSettings, settingsPath } from "../claude/signInSettings.ts";
import { startWorker } from "../claude/startWorker.ts";
import type { CheckedPart } from "../claude/transport.ts";
import { mayRewrite } from "../claude/transportChoice.ts";
import {
  checkRemarks,
  cliRemarks,
  countRemarks,
  helperRemarks,
  homeRemarks,
  leftOutRemarks,
  networkRemarks,
  type Origins,
  organizationRemarks,
  type Remark,
  signInRemarks,
  transportRemarks,
} from "./remarks.ts";
import { type Finding, NotContained, selfCheck } from "./selfCheck.ts";

export interface DiagnosisOptions extends LauncherOptions {
  /** Whether the checks are run. */
  selfCheck: boolean;
}

/** A CLI that was found, with how its checks went. */
interface Checked {
  cli: Cli;
  findings: Finding[];
  /** What speaks against rewriting, where the overlay was checked in its place. */
  lost?: Finding[];
  /** How exact counts went, where requests are rewritten. */
  counts?: Finding[];
  unchecked?: string;
}

/**
 * Looks for the CLI, checks it, and asks it for its sign-in: all that is to be known of it on this machine. Throws
 * `ApiError` when it is not there or does not run.
 */
export async function diagnose(options: DiagnosisOptions, parts: LauncherParts): Promise<Remark[]> {
  const { cli, findings, lost = [], counts = [], unchecked } = await find(options, parts);
  const requireFit: RequireFit = async (_, part) => {
    if (part === "rewrite" && lost.length > 0) throw cliUnfit(cli.version, namesOf(lost));
  };
  const launcher = new Launcher({ ...options, claudePath: cli.path }, { ...parts, requireFit });
  try {
    const { worker, description } = await startWorker(launcher, "");
    await worker.stop();
    const signIn = signInOf(description);
    const displaced = await findDisplaced(signIn, launcher, { isAwaited: true });
    const trouble = await homeTrouble({ ...options.environment, ...options.extraEnvironment });
    return [
      ...cliRemarks(cli.path, cli.version, cli.passedOver),
      ...homeRemarks(trouble, signIn),
      ...leftOutRemarks(launcher.leftOut),
      ...signInRemarks(signIn, displaced, await originsOf(options)),
      ...helperRemarks(worker.helperFailure),
      ...networkRemarks(worker.route, await authoritiesTrouble(worker.route)),
      ...transportRemarks(worker.transport.name, launcher.choice.reason),
      ...countRemarks(counts),
      ...organizationRemarks(await readManagedSettings(), description.organization),
      ...checkRemarks([...findings, ...counts.filter(({ reason }) => reason === undefined)], unchecked),
    ];
  } finally {
    launcher.close();
  }
}

/** Where the CLI has its variables from, in the order in which they are taken. */
async function originsOf({ environment, extraEnvironment }: LauncherOptions): Promise<Origins> {
  const given = { ...environment, ...extraEnvironment };
  const path = settingsPath(given);
  const settings = await readSignInSettings(given).catch(() => undefined);
  return (variable) => {
    if (variable === "apiKeyHelper") return path;
    if (extraEnvironment[variable]) return "the setting 'environment'";
    if (settings?.environment[variable]) return path;
    return environment[variable] ? "the environment" : undefined;
  };
}

/** The CLI that the server would use; the first that was checked where all of them fail. */
async function find(options: DiagnosisOptions, parts: LauncherParts): Promise<Checked> {
  const checked: Checked[] = [];
  const requireFit = async (cli: Cli) => {
    const result = { cli, ...(await tryChecks(cli, options, parts)) };
    checked.push(result);
    const lost = lostOf(result.findings);
    if (lost.length > 0) throw cliUnfit(cli.version, namesOf(lost));
  };
  try {
    const given = { ...options.environment, ...options.extraEnvironment };
    const cli = await locate(options.claudePath, given, undefined, requireFit);
    return { findings: [], ...checked.at(-1), cli };
  } catch (error) {
    const [first] = checked;
    if (first) return first;
    // a search that found nothing may have looked in a home that is not there
    const trouble = await homeTrouble({ ...options.environment, ...options.extraEnvironment });
    if (trouble) parts.logger.error(trouble);
    throw error;
  }
}

/** Checks the transport that the server would use, and the other one where that is lost. */
async function tryChecks(cli: Cli, options: DiagnosisOptions, parts: LauncherParts): Promise<Omit<Checked, "cli">> {
  if (!options.selfCheck) return { findings: [], unchecked: "--no-self-check was given" };
  const check = (part: CheckedPart) => selfCheck(cli, options.environment, parts.logger, part);
  try {
    if (options.transport === "overlay" || !mayRewrite(cli)) return { findings: await check("overlay") };
    const findings = await check("rewrite");
    const lost = lostOf(findings);
    if (lost.length > 0) return { findings: await check("overlay"), lost };
    return { findings, counts: await check("counts") };
  } catch (error) {
    if (error instanceof NotContained) return { findings: [], unchecked: error.message };
    throw error;
  }
}

const lostOf = (findings: readonly Finding[]) => findings.filter(({ reason }) => reason !== undefined);

const namesOf = (findings: readonly Finding[]) => findings.map(({ name }) => name);
