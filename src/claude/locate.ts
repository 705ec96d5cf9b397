import { execFile } from "node:child_process";
import { access, constants, readFile, stat } from "node:fs/promises";
import { dirname, join, posix, resolve, win32 } from "node:path";
import { promisify } from "node:util";
import { cliNotStarted, isScarcity } from "../api/cliErrors.ts";
import { cliMissing, cliTooOld, cliUnusable } from "../api/errors.ts";

/** The CLI as it can be started without a shell. */
export interface Cli {
  /** What to execute, and the arguments that come before ours. */
  command: string;
  prefix: readonly string[];
  /** Where it was found, for people. */
  path: string;
  /** As in `2.1.330`. */
  version: string;
}

/** The oldest version that asks mods before each call, without which one request may cost several (see oneCallMod.ts). */
export const MINIMUM_VERSION = "2.1.321";

/** How long `claude --version` may take, in milliseconds: a hang bound for a cold disk. */
const VERSION_TIMEOUT = 30_000;

/**
 * Finds the CLI: the given path, else `PATH`, else the usual places of npm, the native installer and Homebrew.
 * Throws `ApiError` when there is none, it does not run, or it is too old.
 */
export async function locate(
  claudePath: string | undefined,
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): Promise<Cli> {
  for (const path of claudePath ? [resolve(claudePath)] : candidates(environment, platform)) {
    if (await isExecutable(path)) return await check(path, environment);
  }
  throw claudePath ? cliUnusable(claudePath, "no such file") : cliMissing();
}

/** Every place the CLI may be, the likeliest first; relative ones are left out, since workers start elsewhere. */
export function candidates(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): string[] {
  const windows = platform === "win32";
  const { delimiter, isAbsolute } = windows ? win32 : posix;
  const path = (windows ? (environment.Path ?? environment.PATH) : environment.PATH) ?? "";
  const home = (windows ? environment.USERPROFILE : environment.HOME) ?? "";
  const usual = windows
    ? [join(home, ".local", "bin"), join(environment.APPDATA ?? "", "npm"), join(home, ".claude", "local")]
    : [
        join(home, ".local", "bin"),
        join(home, ".claude", "local"),
        "/usr/local/bin",
        "/opt/homebrew/bin",
        "/home/linuxbrew/.linuxbrew/bin",
        join(home, ".npm-global", "bin"),
        join(home, ".bun", "bin"),
        join(home, ".volta", "bin"),
        "/usr/bin",
      ];
  const directories = [...path.split(delimiter), ...usual].filter(isAbsolute);
  const names = windows ? ["claude.exe", "claude.cmd"] : ["claude"];
  return [...new Set(directories.flatMap((directory) => names.map((name) => join(directory, name))))];
}

/** The program behind a Windows `.cmd` shim of npm, so that no shell comes between it and our arguments. */
export async function unwrapShim(shim: string): Promise<string | undefined> {
  const script = await readFile(shim, "utf8");
  const target = [...script.matchAll(/"%(?:~dp0|dp0%)\\?([^"%]+\.(?:exe|c?js))"/gi)].map((match) => match[1] as string);
  const program = target.findLast((path) => !/(^|\\)node\.exe$/i.test(path));
  return program && join(dirname(shim), ...program.split("\\"));
}

async function check(path: string, environment: NodeJS.ProcessEnv): Promise<Cli> {
  const [command, ...prefix] = await invocation(path, environment);
  const printed = await versionOf(command, prefix, environment).catch((error: Error) => {
    if (isScarcity(error)) throw cliNotStarted(error);
    throw cliUnusable(path, error.message.split("\n")[0] as string);
  });
  const version = /^(\d+\.\d+\.\d+)\S*\s+\(Claude Code\)/.exec(printed.trim())?.[1];
  if (!version) throw cliUnusable(path, "'--version' does not name Claude Code");
  if (isOlder(version, MINIMUM_VERSION)) throw cliTooOld(path, version, MINIMUM_VERSION);
  return { command, prefix, path, version };
}

async function invocation(path: string, environment: NodeJS.ProcessEnv): Promise<[string, ...string[]]> {
  if (!/\.cmd$/i.test(path)) return [path];
  const program = await unwrapShim(path);
  if (!program) throw cliUnusable(path, "the shim does not name a program");
  if (!/js$/i.test(program)) return [program];
  for (const directory of (environment.Path ?? environment.PATH ?? "").split(";")) {
    const node = join(directory, "node.exe");
    if (directory !== "" && (await isExecutable(node))) return [node, program];
  }
  throw cliUnusable(path, "it needs node.exe, which is not on the PATH");
}

async function versionOf(command: string, prefix: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const options = { env: { ...env, DISABLE_AUTOUPDATER: "1" }, timeout: VERSION_TIMEOUT, windowsHide: true };
  const { stdout } = await promisify(execFile)(command, [...prefix, "--version"], options);
  return stdout;
}

function isOlder(version: string, minimum: string): boolean {
  const [a, b] = [version, minimum].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (const [i, part] of b.entries()) if (a[i] !== part) return (a[i] as number) < part;
  return false;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
