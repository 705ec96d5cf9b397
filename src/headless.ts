import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { defaultOptions, type ServerOptions } from "./options.ts";
import { defaultOf, type Flag, OPTION_TABLE, type OptionRow, readNumbers } from "./optionTable.ts";
import { createServer, runDoctor, type Server } from "./server.ts";
import { newApiKey } from "./shared/apiKey.ts";
import type { Logger } from "./shared/logger.ts";
import { makePrivateDirectory, PRIVATE_FILE_MODE } from "./shared/privateFiles.ts";
import { version } from "./shared/version.ts";

// each 64 KB of an upload leave a used buffer, of which a growing young generation would keep tens of megabytes
setFlagsFromString("--semi-space-growth-factor=1");

/** Width of the flags in the help; the text of a longer one is on the next line. */
const HELP_COLUMN = 20;

const HELP = `Claude Virtual API ${version}: Anthropic's HTTP API on localhost, answered by Claude Code.

Usage: claude-virtual-api [options]         serve until Ctrl-C
       claude-virtual-api doctor [options]  check Claude Code and its sign-in
       claude-virtual-api create-key        create a key for --api-key-file, to keep other users of
                                            this machine from using the server

${OPTION_TABLE.filter(({ help }) => help)
  .map(helpLine)
  .join("\n")}
  --version, --help

Each option with a value is also read from CLAUDE_VIRTUAL_API_NAME, as in CLAUDE_VIRTUAL_API_MAX_CONCURRENT.
`;

type Flags = Partial<Record<Flag, string>>;

const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"] as const;

/** One Ctrl-C may arrive twice within this time: from the terminal and from npm. */
const REPEATED_SIGNAL_MS = 1000;

class UsageError extends Error {}

function helpLine(row: OptionRow): string {
  const { flag, argument, help = "" } = row;
  const name = `--${flag}${argument ? ` ${argument}` : ""}`;
  const start = name.length > HELP_COLUMN ? `${name}\n${" ".repeat(HELP_COLUMN + 2)}` : name.padEnd(HELP_COLUMN);
  return `  ${start} ${help.replace("{default}", String(defaultOf(row)))}`;
}

function readFlags(args: string[], environment: NodeJS.ProcessEnv): Flags {
  const rows = OPTION_TABLE.flatMap(({ flag, argument }) =>
    flag ? [{ flag, takesValue: argument !== undefined }] : [],
  );
  const options = Object.fromEntries(
    rows.map(({ flag, takesValue }) => [flag, { type: takesValue ? "string" : "boolean" } as const]),
  );
  const given = parseArgs({ args, options, strict: true }).values as Record<string, string | boolean | undefined>;
  const flags: Record<string, string> = {};
  for (const { flag, takesValue } of rows) {
    const value = given[flag] ?? (takesValue ? environment[variableOf(flag)] : undefined);
    // an unset variable in a script must not open the server to any key
    if (given[flag] === "" && flag.startsWith("api-key")) throw new UsageError(`--${flag} is empty.`);
    if (value !== undefined && value !== "") flags[flag] = String(value);
  }
  return flags;
}

function variableOf(flag: string): string {
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
    ...readNumbers((row) => wholeNumber(row, flags)),
    host: flags.host ?? defaultOptions.host,
    ...(flags.claude !== undefined && { claudePath: resolve(flags.claude) }),
    dataDir: resolve(flags["data-dir"] ?? defaultOptions.dataDir),
    ...(apiKey !== undefined && { apiKey }),
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

function wholeNumber({ flag, range = [0, Number.MAX_SAFE_INTEGER] }: OptionRow, flags: Flags): number | undefined {
  const text = flags[flag as Flag];
  if (text === undefined) return undefined;
  const [minimum, maximum] = range;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
    throw new UsageError(`--${flag} takes a whole number from ${minimum} to ${maximum}, not '${text}'.`);
  }
  return value;
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
