import { lstat, realpath } from "node:fs/promises";
import { join, posix, resolve, win32 } from "node:path";
import lt from "semver/functions/lt.js";
import {
  type CliErrorCode,
  cliMissing,
  cliNotStarted,
  cliReplaced,
  cliTooOld,
  cliUnusable,
  isScarcity,
  noCliUsable,
} from "../../api/cliErrors.ts";
import { ApiError } from "../../api/errors.ts";
import { DescribedError, describe, type MessageDescriptor } from "../../api/messageDescriptors.ts";
import { currentIdentity, type FileIdentity, identify } from "./fileIdentity.ts";
import { type Invocation, invocation, isExecutable } from "./invocation.ts";
import { searchDirectories } from "./searchPlaces.ts";
import { printedVersion } from "./versionProbe.ts";

export interface Cli extends Invocation {
  path: string;
  version: string;
  identity: FileIdentity;
  /** Unusable programs that were found before it. */
  skipped: readonly SkippedCli[];
}

export interface SkippedCli {
  path: string;
  reason: string;
  /** The reason for a user interface in another language. */
  descriptor?: MessageDescriptor | undefined;
  identity: string;
}

/** Oldest version that asks mods before each call, without which one request may cost several. */
export const MINIMUM_VERSION = "2.1.321";

/** Problems of one program; the search goes on. */
const SKIPPABLE_PROBLEMS: ReadonlySet<unknown> = new Set<CliErrorCode>([
  ...(["cli_unusable", "cli_too_old", "cli_unfit", "cli_unguarded"] as const),
]);

/** What a CLI is checked for: a transport, or exact counts, which use `rewrite`. */
export type CheckedPart = "rewrite" | "overlay" | "counts";

/** Rejects with `ApiError` if a CLI must not be used. */
export type CheckCompatibility = (cli: Cli, part?: CheckedPart) => Promise<void>;

/**
 * Finds the CLI: the given path, else the first program that runs, is new enough and compatible. Throws `ApiError` with
 * the reasons.
 */
export async function locate(
  claudePath: string | undefined,
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  checkCompatibility: CheckCompatibility = async () => {},
): Promise<Cli> {
  const attempt = async (path: string, skipped: readonly SkippedCli[]) => {
    const cli = await check(path, environment, platform);
    await checkCompatibility(cli);
    return { ...cli, skipped };
  };
  if (claudePath) return attempt(resolve(claudePath), []);
  const skipped: SkippedCli[] = [];
  const errors: ApiError[] = [];
  for await (const path of found(await candidates(environment, platform))) {
    const identity = await currentIdentity([path]);
    try {
      return await attempt(path, skipped);
    } catch (error) {
      if (!(error instanceof ApiError) || !SKIPPABLE_PROBLEMS.has(error.details?.error_code)) throw error;
      errors.push(error);
      skipped.push({ path, reason: firstSentence(error.message), descriptor: error.descriptor, identity });
    }
  }
  const [only] = errors;
  if (!only) throw cliMissing();
  throw errors.length === 1 ? only : noCliUsable(skipped, commonProblem(errors));
}

export async function hasChanged({ files, identity }: Cli): Promise<boolean> {
  return (await currentIdentity(files)) !== identity.current;
}

/**
 * Throws `ApiError` if a worker has another version than the checked one: a shim may start another program without
 * changing.
 */
export function requireVersion(cli: Cli | undefined, version: unknown): void {
  if (!cli || typeof version !== "string") return;
  if (version.replace(/[-+].*/, "") !== cli.version) throw cliReplaced(cli.version, version);
}

/** Places to look, most likely first. Workers run elsewhere, so relative directories are skipped. */
export async function candidates(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): Promise<string[]> {
  const windows = platform === "win32";
  const { delimiter, isAbsolute } = windows ? win32 : posix;
  const path = (windows ? (environment.Path ?? environment.PATH) : environment.PATH) ?? "";
  const directories = await searchDirectories(path.split(delimiter).filter(isAbsolute), environment, platform);
  const names = windows ? ["claude.exe", "claude.cmd"] : ["claude"];
  return directories.filter(isAbsolute).flatMap((directory) => names.map((name) => join(directory, name)));
}

/** Filters out missing paths, directories and links to a program already seen. */
async function* found(paths: readonly string[]): AsyncGenerator<string, void, undefined> {
  const seen = new Set<string>();
  for (const path of paths) {
    const real = await realpath(path).catch(() => path);
    const stats = await lstat(real).catch(() => undefined);
    if (!stats || stats.isDirectory() || seen.has(real)) continue;
    seen.add(real);
    yield path;
  }
}

async function check(path: string, environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): Promise<Cli> {
  const problem = await whyNotRunnable(path);
  if (problem) throw cliUnusable(path, problem.text, describe(problem.id, {}));
  const start = await invocation(path, environment, platform);
  // before it runs, to detect a replacement in the meantime
  const identity = await identify(start.files);
  const { command, prefix, searchPath } = start;
  const own = { ...environment, ...(searchPath !== undefined && { PATH: searchPath }) };
  const printed = await printedVersion({ command, prefix, environment: own }).catch((error: Error) => {
    if (isScarcity(error)) throw cliNotStarted(error);
    throw cliUnusable(path, error.message, error instanceof DescribedError ? error.descriptor : error.message);
  });
  const version = /^(\d+\.\d+\.\d+)\S*\s+\(Claude Code\)/.exec(printed.trim())?.[1];
  if (!version) {
    throw cliUnusable(path, "'--version' does not name Claude Code", describe("version_not_named", {}));
  }
  if (lt(version, MINIMUM_VERSION)) throw cliTooOld(path, version, MINIMUM_VERSION);
  return { ...start, path, version, identity, skipped: [] };
}

type NotRunnable = "link_broken" | "file_missing" | "file_not_executable" | "not_a_file";

async function whyNotRunnable(path: string): Promise<{ id: NotRunnable; text: string } | undefined> {
  if (await isExecutable(path)) return undefined;
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) {
    const isLink = await lstat(path).then(
      (stats) => stats.isSymbolicLink(),
      () => false,
    );
    return isLink
      ? { id: "link_broken", text: "it is a link to a file that does not exist" }
      : { id: "file_missing", text: "no such file" };
  }
  return (await lstat(real)).isFile()
    ? { id: "file_not_executable", text: "it is not executable" }
    : { id: "not_a_file", text: "it is not a file" };
}

function commonProblem(errors: readonly ApiError[]): CliErrorCode {
  const codes = new Set(errors.map(({ details }) => details?.error_code as CliErrorCode));
  const [code = "cli_unusable"] = codes;
  return codes.size === 1 ? code : "cli_unusable";
}

function firstSentence(message: string): string {
  return message.split(/\.\s+(?=[A-Z])/)[0] as string;
}
