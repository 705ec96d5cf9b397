import { access, constants, open, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { cliUnusable } from "../api/cliErrors.ts";
import { describe } from "../api/messageDescriptors.ts";
import { searchDirectories } from "./searchPlaces.ts";

/** How to start a program without a shell. */
export interface Invocation {
  /** What to execute, and the arguments that come before ours. */
  command: string;
  prefix: readonly string[];
  /** The files that make it up, as far as they are known. */
  files: readonly string[];
  /** The `PATH` on which a script finds its interpreter, where ours has another one or none. */
  searchPath?: string;
}

/** Bytes of a script that are read: one that starts another program is short. */
const MAX_SCRIPT_BYTES = 64 * 1024;

/** The way to start what is at this path. Throws `ApiError` where there is none. */
export async function invocation(
  path: string,
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): Promise<Invocation> {
  if (/\.cmd$/i.test(path)) return behindShim(path, environment);
  const script = platform === "win32" ? undefined : await readScript(path);
  if (script === undefined) return { command: path, prefix: [], files: [path] };
  const searchPath = await pathOfScript(path, environment, platform);
  const files = [path, ...(await startedBy(script, path))];
  return { command: path, prefix: [], files, ...(searchPath !== undefined && { searchPath }) };
}

/** The program behind a Windows `.cmd` shim of npm, so that no shell comes between it and our arguments. */
export async function unwrapShim(shim: string): Promise<string | undefined> {
  const script = await readFile(shim, "utf8");
  const target = [...script.matchAll(/"%(?:~dp0|dp0%)\\?([^"%]+\.(?:exe|c?js))"/gi)].map((match) => match[1] as string);
  const program = target.findLast((path) => !/(^|\\)node\.exe$/i.test(path));
  return program && join(dirname(shim), ...program.split("\\"));
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function behindShim(shim: string, environment: NodeJS.ProcessEnv): Promise<Invocation> {
  const program = await unwrapShim(shim);
  if (!program) throw cliUnusable(shim, "the shim does not name a program", describe("shim_without_program", {}));
  const files = [shim, program];
  if (!/js$/i.test(program)) return { command: program, prefix: [], files };
  const path = (environment.Path ?? environment.PATH ?? "").split(";");
  // beside the shim first, as the shim itself would look
  for (const directory of [dirname(shim), ...path]) {
    const node = join(directory, "node.exe");
    if (directory !== "" && (await isExecutable(node))) return { command: node, prefix: [program], files };
  }
  throw cliUnusable(shim, "it needs node.exe, which is not on the PATH", describe("node_missing", {}));
}

/** The beginning of a script; undefined for a program of another kind. */
async function readScript(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  try {
    const { buffer, bytesRead } = (await file?.read(Buffer.alloc(MAX_SCRIPT_BYTES), 0, MAX_SCRIPT_BYTES, 0)) ?? {};
    const text = buffer?.toString("utf8", 0, bytesRead) ?? "";
    return text.startsWith("#!") ? text : undefined;
  } finally {
    await file?.close();
  }
}

/** The files named in a wrapper, such as that of the CLI's local installation or of pnpm, so that their change is seen. */
async function startedBy(script: string, path: string): Promise<string[]> {
  if (/^#!.*\b(node|bun)\b/.test(script)) return [];
  const named = [...script.matchAll(/(?:\$\{?basedir\}?)?\/[^\s"'$]*claude[^\s"'$]*/gi)].map(([name]) =>
    resolve(dirname(path), name.replace(/^\$\{?basedir\}?\//, "")),
  );
  const files = await Promise.all([...new Set(named)].map(async (name) => ((await isFile(name)) ? [name] : [])));
  return files.flat();
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

/**
 * A script of npm's needs `node`: that of the version manager which installed it is beside it, and is the right one even
 * where another comes first on the `PATH`; one with an npm prefix of its own has none there.
 */
async function pathOfScript(
  path: string,
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): Promise<string | undefined> {
  const given = (environment.PATH ?? "").split(":").filter((directory) => directory !== "");
  const hasNode = (directory: string) => isExecutable(join(directory, "node"));
  const own = dirname(path);
  if (await hasNode(own)) return given[0] === own ? undefined : [own, ...given].join(":");
  for (const directory of given) if (await hasNode(directory)) return undefined;
  for (const directory of await searchDirectories([], environment, platform)) {
    if (await hasNode(directory)) return [...given, directory].join(":");
  }
  return undefined;
}
