import { isSignedIn } from "../claude/account.ts";
import { Launcher, type LauncherOptions, type LauncherParts } from "../claude/launcher.ts";
import type { CliDescription } from "../claude/worker.ts";
import { type Finding, selfCheck } from "./selfCheck.ts";

/** Everything there is to know about the CLI on this machine. */
export interface Diagnosis {
  path: string;
  version: string;
  signedIn: boolean;
  account: CliDescription["account"];
  findings: Finding[];
}

/** Looks for the CLI, asks it for its sign-in, and checks it. Throws `ApiError` when it is not there or does not run. */
export async function diagnose(options: LauncherOptions, parts: LauncherParts): Promise<Diagnosis> {
  const launcher = new Launcher(options, parts);
  try {
    const cli = await launcher.locate();
    const worker = await launcher.launch([], false);
    const description = await worker.initialize("");
    await worker.stop();
    return {
      path: cli.path,
      version: cli.version,
      signedIn: isSignedIn(description),
      account: description.account,
      findings: await selfCheck(cli, options.environment, parts.logger),
    };
  } finally {
    launcher.close();
  }
}

/** A diagnosis in lines for a person, and those of them that tell of trouble. */
export interface Description {
  lines: string[];
  trouble: string[];
}

export function describe({ path, version, signedIn, account, findings }: Diagnosis): Description {
  const how = account.apiKeySource ?? account.tokenSource ?? account.apiProvider;
  const signIn = signedIn ? `signed in (${how})` : "not signed in: run 'claude' in a terminal and sign in with /login";
  const checks = findings.map(({ name, reason }) => (reason === undefined ? `✓ ${name}` : `✗ ${name}: ${reason}`));
  const failed = checks.filter((_, index) => findings[index]?.reason !== undefined);
  return {
    lines: [
      `Claude Code ${version} at ${path}`,
      signIn,
      ...checks,
      failed.length === 0 ? "passed the self-check" : `failed ${failed.length} of ${checks.length} checks`,
    ],
    trouble: [...(signedIn ? [] : [signIn]), ...failed],
  };
}
