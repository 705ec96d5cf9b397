import { cliUnfit } from "../api/cliErrors.ts";
import { describeSignIn, isSignedIn, signInOf } from "../claude/account.ts";
import type { CliDescription } from "../claude/description.ts";
import { homeTrouble } from "../claude/directories.ts";
import { Launcher, type LauncherOptions, type LauncherParts } from "../claude/launcher.ts";
import { type Cli, locate, type PassedOver } from "../claude/locate.ts";
import { describeRoute, type NetworkRoute } from "../claude/network.ts";
import { describeLeftOut, type LeftOut } from "../claude/ownUpstreams.ts";
import { type Finding, selfCheck } from "./selfCheck.ts";

/** Everything there is to know about the CLI on this machine. */
export interface Diagnosis {
  path: string;
  version: string;
  passedOver: readonly PassedOver[];
  /** What is wrong with the user's home, if anything is. */
  homeTrouble: string | undefined;
  /** Base URLs that would make the server call itself. */
  leftOut: readonly LeftOut[];
  /** The way of the calls to the API. */
  route: NetworkRoute;
  signedIn: boolean;
  account: CliDescription["account"];
  findings: Finding[];
}

/** A CLI that was found, with how its checks went. */
interface Checked {
  cli: Cli;
  findings: Finding[];
}

/** Looks for the CLI, checks it, and asks it for its sign-in. Throws `ApiError` when it is not there or does not run. */
export async function diagnose(options: LauncherOptions, parts: LauncherParts): Promise<Diagnosis> {
  const { cli, findings } = await find(options, parts);
  const { environment, extraEnvironment } = options;
  const launcher = new Launcher({ ...options, claudePath: cli.path }, parts);
  try {
    const worker = await launcher.launch([], false);
    const description = await worker.initialize("");
    await worker.stop();
    return {
      path: cli.path,
      version: cli.version,
      passedOver: cli.passedOver,
      homeTrouble: await homeTrouble({ ...environment, ...extraEnvironment }),
      leftOut: launcher.leftOut,
      route: worker.route,
      signedIn: isSignedIn(description),
      account: description.account,
      findings,
    };
  } finally {
    launcher.close();
  }
}

/** The CLI that the server would use; the first that was checked where all of them fail. */
async function find(options: LauncherOptions, parts: LauncherParts): Promise<Checked> {
  const checked: Checked[] = [];
  const requireFit = async (cli: Cli) => {
    const findings = await selfCheck(cli, options.environment, parts.logger);
    checked.push({ cli, findings });
    const lost = findings.filter(({ reason }) => reason !== undefined).map(({ name }) => name);
    if (lost.length > 0) throw cliUnfit(cli.version, lost);
  };
  try {
    const given = { ...options.environment, ...options.extraEnvironment };
    const cli = await locate(options.claudePath, given, undefined, requireFit);
    return { cli, findings: checked.at(-1)?.findings ?? [] };
  } catch (error) {
    const [first] = checked;
    if (first) return first;
    // a search that found nothing may have looked in a home that is not there
    const trouble = await homeTrouble({ ...options.environment, ...options.extraEnvironment });
    if (trouble) parts.logger.error(trouble);
    throw error;
  }
}

/** A diagnosis in lines for a person, and those of them that tell of trouble. */
export interface Description {
  lines: string[];
  trouble: string[];
}

export function describe(diagnosis: Diagnosis): Description {
  const { path, version, passedOver, signedIn, account, findings } = diagnosis;
  const [signIn = "", ...displaced] = describeSignIn(signInOf({ account }));
  const checks = findings.map(({ name, reason }) => (reason === undefined ? `✓ ${name}` : `✗ ${name}: ${reason}`));
  const failed = checks.filter((_, index) => findings[index]?.reason !== undefined);
  const home = diagnosis.homeTrouble === undefined ? [] : [diagnosis.homeTrouble];
  return {
    lines: [
      `Claude Code ${version} at ${path}`,
      ...passedOver.map((other) => `passed over ${other.path}: ${other.reason}`),
      ...home,
      ...diagnosis.leftOut.map(describeLeftOut),
      signIn,
      ...displaced,
      ...describeRoute(diagnosis.route),
      ...checks,
      failed.length === 0 ? "passed the self-check" : `failed ${failed.length} of ${checks.length} checks`,
    ],
    trouble: [...home, ...(signedIn ? [] : [signIn]), ...failed],
  };
}
