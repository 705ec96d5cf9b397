import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { defaultOptions, type ServerOptions } from "./options.ts";
import { createServer, runDoctor, type Server } from "./server.ts";
import { newApiKey } from "./shared/apiKey.ts";
import type { Logger } from "./shared/logger.ts";
import { makePrivateDirectory, PRIVATE_FILE_MODE } from "./shared/privateFiles.ts";
import { version } from "./shared/version.ts";

// each 64 KB of an upload leave a used buffer, of which a growing young generation would keep tens of megabytes
setFlagsFromString("--semi-space-growth-factor=1");

const HELP = `Claude Virtual API ${version}: Anthropic's HTTP API on localhost, answered by Claude Code.

Usage: claude-virtual-api [options]         serve until Ctrl-C
       claude-virtual-api doctor [options]  check Claude Code and its sign-in
       claude-virtual-api create-key        create a key for --api-key-file, to keep other users of
                                            this machine from using the server

  --port N             port to listen on (default 8080; 0 picks a free one)
  --host H             address to listen on (default 127.0.0.1; others need a key)
  --claude PATH        path of Claude Code (default: search PATH and the usual places)
  --data-dir DIR       directory for data (default ~/.claude-virtual-api)
  --storage-quota N    gigabytes for files and batches (default 20; 0: no limit)
  --keep-files N       days after which a file is deleted (default 0: never)
  --api-key-file PATH  file whose first line is the key that clients must send (default: any key)
  --api-key KEY        the key itself; other users of this machine can see it in the process list
  --max-concurrent N   requests answered at the same time (default 8)
  --warm N             spare workers kept ready (default 1)
  --max-idle-workers N idle workers kept for another request (default 4)
  --max-idle-memory N  megabytes of all idle workers together (default 1024; 0: no limit)
  --model-map L        map the model names that clients send, as in gpt-4=opus,gpt-4o-mini=haiku
  --allowed-origins L  web origins that may call from a browser, separated by commas
  --allowed-hosts L    accepted Host headers, as name or name:port, separated by commas
  --request-timeout N  maximum seconds of a request (default 0: no limit)
  --stream-idle-timeout N
                       maximum seconds without data from the API (default 300; 10 to 1800, 0: no limit)
  --client-idle-timeout N
                       maximum seconds that a client may leave its answer unread (default 300; 0: no limit)
  --traffic            also log request bodies and events
  --overlay            merge requests into those of Claude Code instead of rewriting them
  --no-self-check      skip the check of a new version of Claude Code
  --log-level L        error, warn, info, debug or trace (default info)
  --version, --help

Each option with a value is also read from CLAUDE_VIRTUAL_API_NAME, as in CLAUDE_VIRTUAL_API_MAX_CONCURRENT.
`;

const FLAGS = [
  ...["port", "host", "claude", "data-dir", "api-key", "api-key-file", "max-concurrent", "warm"],
  ...["max-idle-workers", "max-idle-memory"],
  ...["model-map", "allowed-origins", "allowed-hosts", "request-timeout", "stream-idle-timeout"],
  ...["client-idle-timeout", "storage-quota", "keep-files", "log-level"],
] as const;
type Flag = (typeof FLAGS)[number];
const SWITCHES = ["traffic", "overlay", "no-self-check", "help", "version"] as const;
type Flags = Partial<Record<Flag | (typeof SWITCHES)[number], string>>;

const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"] as const;

/** One Ctrl-C may arrive twice within this time: from the terminal and from npm. */
const REPEATED_SIGNAL_MS = 1000;

class UsageError extends Error {}

function readFlags(args: string[], environment: NodeJS.ProcessEnv): Flags {
  const of = (names: readonly string[], type: "string" | "boolean") => names.map((name) => [name, { type }] as const);
  const options = Object.fromEntries([...of(FLAGS, "string"), ...of(SWITCHES, "boolean")]);
  const given = parseArgs({ args, options, strict: true }).values as Record<string, string | boolean | undefined>;
  const flags: Record<string, string> = {};
  for (const name of Object.keys(options)) {
    const value = given[name] ?? (isFlag(name) ? environment[variableOf(name)] : undefined);
    // an unset variable in a script must not open the server to any key
    if (given[name] === "" && name.startsWith("api-key")) throw new UsageError(`--${name} is empty.`);
    if (value !== undefined && value !== "") flags[name] = String(value);
  }
  return flags;
}

function isFlag(name: string): name is Flag {
  return (FLAGS as readonly string[]).includes(name);
}

function variableOf(flag: Flag): string {
  return `CLAUDE_VIRTUAL_API_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** Warns if other users can read the key's file. */
function readKey(flags: Flags, logger: Logger): string | undefined {
  const { "api-key": key, "api-key-file": path } = flags;
  if (path === undefined) return key;
  if (key !== undefined)
    throw new UsageError("Give --api-key or --api-key-file, not both. Their variables count as well.");
  const { text, isShared } = readFile(path);
  const line = text.split("\n", 1).join().trim();
  if (line === "") throw new UsageError(`The file of --api-key-file, '${path}', has no key in its first line.`);
  if (isShared) logger.warn(`Other users can read the key in '${path}'. Run: chmod 600 '${path}'`);
  return line;
}

function readFile(path: string): { text: string; isShared: boolean } {
  try {
    const file = openSync(path, "r");
    try {
      const stats = fstatSync(file);
      // the mode has no meaning on Windows
      const isShared = process.platform !== "win32" && stats.isFile() && (stats.mode & 0o077) !== 0;
      return { text: readFileSync(file, "utf8"), isShared };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new UsageError(`The file of --api-key-file cannot be read: ${(error as Error).message}.`);
  }
}

function toOptions(flags: Flags, environment: NodeJS.ProcessEnv, logger: Logger): ServerOptions {
  const list = (text: string | undefined) => text?.split(",").map((item) => item.trim()) ?? [];
  const apiKey = readKey(flags, logger);
  return {
    ...defaultOptions,
    host: flags.host ?? defaultOptions.host,
    port: wholeNumber("port", flags.port, 0, 65_535) ?? defaultOptions.port,
    ...(flags.claude !== undefined && { claudePath: resolve(flags.claude) }),
    dataDir: resolve(flags["data-dir"] ?? defaultOptions.dataDir),
    storageQuota: wholeNumber("storage-quota", flags["storage-quota"], 0, 1_000_000) ?? defaultOptions.storageQuota,
    keepFiles: wholeNumber("keep-files", flags["keep-files"], 0, 100_000) ?? defaultOptions.keepFiles,
    ...(apiKey !== undefined && { apiKey }),
    maxConcurrent: wholeNumber("max-concurrent", flags["max-concurrent"], 1, 1000) ?? defaultOptions.maxConcurrent,
    warm: wholeNumber("warm", flags.warm, 0, 100) ?? defaultOptions.warm,
    maxIdleWorkers:
      wholeNumber("max-idle-workers", flags["max-idle-workers"], 0, 1000) ?? defaultOptions.maxIdleWorkers,
    maxIdleMemory: megabytes("max-idle-memory", flags, 1_000_000) ?? defaultOptions.maxIdleMemory,
    requestTimeout: seconds("request-timeout", flags, 86_400) ?? defaultOptions.requestTimeout,
    streamIdleTimeout: seconds("stream-idle-timeout", flags, 1800) ?? defaultOptions.streamIdleTimeout,
    clientIdleTimeout: seconds("client-idle-timeout", flags, 86_400) ?? defaultOptions.clientIdleTimeout,
    traffic: () => flags.traffic !== undefined,
    modelMap: { ...defaultOptions.modelMap, ...Object.fromEntries(list(flags["model-map"]).map(modelPair)) },
    allowedOrigins: list(flags["allowed-origins"]),
    allowedHosts: list(flags["allowed-hosts"]),
    transport: flags.overlay === undefined ? "auto" : "overlay",
    selfCheck: flags["no-self-check"] === undefined,
    environment,
  };
}

function modelPair(text: string): [name: string, model: string] {
  const [name, model, ...rest] = text.split("=").map((part) => part.trim());
  if (!name || !model || rest.length > 0)
    throw new UsageError(`--model-map takes pairs like gpt-4=opus, not '${text}'.`);
  return [name, model];
}

function wholeNumber(flag: Flag, text: string | undefined, minimum: number, maximum: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
    throw new UsageError(`--${flag} takes a whole number from ${minimum} to ${maximum}, not '${text}'.`);
  }
  return value;
}

function seconds(flag: Flag, flags: Flags, maximum: number): number | undefined {
  const value = wholeNumber(flag, flags[flag], 0, maximum);
  return value === undefined ? undefined : 1000 * value;
}

function megabytes(flag: Flag, flags: Flags, maximum: number): number | undefined {
  const value = wholeNumber(flag, flags[flag], 0, maximum);
  return value === undefined ? undefined : 1024 * 1024 * value;
}

/** Logs to stderr, so that stdout has only the server's address. */
function stderrLogger(level: string): Logger {
  const shown = LOG_LEVELS.indexOf(level as (typeof LOG_LEVELS)[number]);
  if (shown === -1) throw new UsageError(`--log-level takes one of ${LOG_LEVELS.join(", ")}, not '${level}'.`);
  const log = (at: number) => (message: string) => {
    if (at <= shown) process.stderr.write(`${new Date().toISOString()} [${LOG_LEVELS[at]}] ${message}\n`);
  };
  return { error: log(0), warn: log(1), info: log(2), debug: log(3), trace: log(4) };
}

function explain(error: unknown): string {
  const { code, message, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === "EADDRINUSE") return `Port ${port} is taken by another program. Choose another with --port.`;
  if (code === "EACCES" && port !== undefined)
    return `Port ${port} needs more rights than this user has. Choose another with --port.`;
  return message;
}

async function doctor(flags: Flags): Promise<void> {
  process.stdout.write(`Claude Virtual API ${version}\n`);
  const logger = stderrLogger(flags["log-level"] ?? "error");
  const { lines, problems } = await runDoctor(toOptions(flags, process.env, logger), logger);
  const summary = problems.length === 0 ? "Ready to answer requests." : "Requests will fail: fix what is marked ✗.";
  process.stdout.write(`${lines.join("\n")}\n\n${summary}\n`);
  process.exit(problems.length === 0 ? 0 : 1);
}

/** The command to run this program; in a clone, by its file. */
function ownCommand(): string {
  const [, file = ""] = process.argv;
  return basename(file) === "cli.js" ? `node ${relative(process.cwd(), file)}` : "claude-virtual-api";
}

async function createKey(flags: Flags): Promise<void> {
  const dataDir = resolve(flags["data-dir"] ?? defaultOptions.dataDir);
  const path = resolve(flags["api-key-file"] ?? join(dataDir, "api-key"));
  if (flags["api-key-file"] === undefined) await makePrivateDirectory(dataDir);
  try {
    writeFileSync(path, `${newApiKey()}\n`, { flag: "wx", mode: PRIVATE_FILE_MODE });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw new UsageError(isThere ? `'${path}' already exists. Delete it to create another key.` : explain(error));
  }
  process.stdout.write(`Wrote a new API key to '${path}'. Start the server with

  ${ownCommand()} --api-key-file '${path}'

and give its first line to your clients as ANTHROPIC_API_KEY.
`);
}

/** Closes the server at the first signal. A later one ends the program at once. */
function stopOnSignals(server: Server): void {
  let stoppedAt: number | undefined;
  const stop = () => {
    if (stoppedAt !== undefined) {
      if (performance.now() - stoppedAt > REPEATED_SIGNAL_MS) process.exit(1);
      return;
    }
    stoppedAt = performance.now();
    void server.close().finally(() => process.exit(0));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

async function main(): Promise<void> {
  const [command, ...rest] = process.argv.slice(2);
  const isCommand = command === "doctor" || command === "create-key";
  const flags = readFlags(isCommand ? rest : process.argv.slice(2), process.env);
  if (flags.help) return void process.stdout.write(HELP);
  if (flags.version) return void process.stdout.write(`${version}\n`);
  if (command === "doctor") return doctor(flags);
  if (command === "create-key") return createKey(flags);
  const logger = stderrLogger(flags["log-level"] ?? "info");
  const server = createServer(toOptions(flags, process.env, logger), logger);
  stopOnSignals(server);
  await server.listen();
  process.stdout.write(`Listening on ${server.url}\n`);
}

main().catch((error: unknown) => {
  const usage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`${explain(error)}\n${usage ? "\nTry --help.\n" : ""}`);
  process.exit(usage ? 2 : 1);
});
