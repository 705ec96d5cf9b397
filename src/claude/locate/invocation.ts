import { access, constants, open, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { cliUnusable } from "../../api/cliErrors.ts";
import { describe } from "../../api/messageDescriptors.ts";
import { searchDirectories } from "./searchPlaces.ts";

export interface Invocation {
  command: string;
  prefix: readonly string[];
  /** The files it consists of, as far as known. */
  files: readonly string[];
  /** `PATH` on which a script finds its interpreter, if it needs another. */
  searchPath?: string;
}

/** How much of a script is read. Launcher scripts are short. */
const MAX_SCRIPT_BYTES = 64 * 1024;

/** Throws `ApiError` if the program cannot be started. */
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

/** The program behind an npm `.cmd` shim, so that no shell parses our arguments. */
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
  // next to the shim first, as the shim itself looks
  for (const directory of [dirname(shim), ...path]) {
    const node = join(directory, "node.exe");
    if (directory !== "" && (await isExecutable(node))) return { command: node, prefix: [program], files };
  }
  throw cliUnusable(shim, "it needs node.exe, which is not on the PATH", describe("node_missing", {}));
}

/** Reads the start of a script; undefined for other programs. */
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

/** Files named in a wrapper script (local installation, pnpm), to detect when they change. */
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

/** An npm script needs `node`. A version manager puts the right one next to the script, whatever is on `PATH`. */
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
