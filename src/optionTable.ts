import { defaultOptions, type ServerOptions } from "./options.ts";

/** What users set: headless by a flag or its variable, in VS Code by a setting. */
export interface OptionRow {
  /** The option of the core; missing for what ends before there is a server. */
  readonly option?: keyof ServerOptions;
  readonly flag?: string;
  /** The name of the flag's value in the help; a switch has none. */
  readonly argument?: string;
  readonly setting?: string;
  /** The smallest and the largest number that the flag takes. */
  readonly range?: readonly [minimum: number, maximum: number];
  /** The factor from the number that users set to that of the core. */
  readonly unit?: number;
  /** The flag's line in the help, where `{default}` is the default. */
  readonly help?: string;
}

const SECOND_MS = 1000;
const MEGABYTE_BYTES = 1024 * 1024;

const ROWS = [
  {
    option: "port",
    flag: "port",
    argument: "N",
    setting: "port",
    range: [0, 65_535],
    help: "port to listen on (default {default}; 0 picks a free one)",
  },
  {
    option: "host",
    flag: "host",
    argument: "H",
    setting: "host",
    help: "address to listen on (default {default}; others need a key)",
  },
  {
    option: "claudePath",
    flag: "claude",
    argument: "PATH",
    setting: "claudePath",
    help: "path of Claude Code (default: search PATH and the usual places)",
  },
  {
    option: "dataDir",
    flag: "data-dir",
    argument: "DIR",
    help: "directory for data (default ~/.claude-virtual-api)",
  },
  {
    option: "storageQuota",
    flag: "storage-quota",
    argument: "N",
    setting: "storageQuota",
    range: [0, 1_000_000],
    help: "gigabytes for files and batches (default {default}; 0: no limit)",
  },
  {
    option: "keepFiles",
    flag: "keep-files",
    argument: "N",
    setting: "keepFiles",
    range: [0, 100_000],
    help: "days after which a file is deleted (default {default}: never)",
  },
  {
    option: "apiKey",
    flag: "api-key-file",
    argument: "PATH",
    help: "file whose first line is the key that clients must send (default: any key)",
  },
  {
    option: "apiKey",
    flag: "api-key",
    argument: "KEY",
    help: "the key itself; other users of this machine can see it in the process list",
  },
  {
    option: "maxConcurrent",
    flag: "max-concurrent",
    argument: "N",
    setting: "maxConcurrentRequests",
    range: [1, 1000],
    help: "requests answered at the same time (default {default})",
  },
  {
    option: "warm",
    flag: "warm",
    argument: "N",
    setting: "warmWorkers",
    range: [0, 100],
    help: "spare workers kept ready (default {default})",
  },
  { option: "idleTimeout", setting: "idleTimeout", unit: SECOND_MS },
  {
    option: "maxIdleWorkers",
    flag: "max-idle-workers",
    argument: "N",
    setting: "maxIdleWorkers",
    range: [0, 1000],
    help: "idle workers kept for another request (default {default})",
  },
  {
    option: "maxIdleMemory",
    flag: "max-idle-memory",
    argument: "N",
    setting: "maxIdleMemory",
    range: [0, 1_000_000],
    unit: MEGABYTE_BYTES,
    help: "megabytes of all idle workers together (default {default}; 0: no limit)",
  },
  {
    option: "modelMap",
    flag: "model-map",
    argument: "L",
    setting: "modelMap",
    help: "map the model names that clients send, as in gpt-4=opus,gpt-4o-mini=haiku",
  },
  {
    option: "allowedOrigins",
    flag: "allowed-origins",
    argument: "L",
    setting: "allowedOrigins",
    help: "web origins that may call from a browser, separated by commas",
  },
  {
    option: "allowedHosts",
    flag: "allowed-hosts",
    argument: "L",
    setting: "allowedHosts",
    help: "accepted Host headers, as name or name:port, separated by commas",
  },
  {
    option: "requestTimeout",
    flag: "request-timeout",
    argument: "N",
    setting: "requestTimeout",
    range: [0, 86_400],
    unit: SECOND_MS,
    help: "maximum seconds of a request (default {default}: no limit)",
  },
  {
    option: "streamIdleTimeout",
    flag: "stream-idle-timeout",
    argument: "N",
    setting: "streamIdleTimeout",
    range: [0, 1800],
    unit: SECOND_MS,
    help: "maximum seconds without data from the API (default {default}; 10 to 1800, 0: no limit)",
  },
  {
    option: "clientIdleTimeout",
    flag: "client-idle-timeout",
    argument: "N",
    setting: "clientIdleTimeout",
    range: [0, 86_400],
    unit: SECOND_MS,
    help: "maximum seconds that a client may leave its answer unread (default {default}; 0: no limit)",
  },
  { option: "extraEnvironment", setting: "environment" },
  { option: "traffic", flag: "traffic", setting: "traffic", help: "also log request bodies and events" },
  {
    option: "transport",
    flag: "overlay",
    help: "merge requests into those of Claude Code instead of rewriting them",
  },
  { option: "selfCheck", flag: "no-self-check", help: "skip the check of a new version of Claude Code" },
  { flag: "log-level", argument: "L", help: "error, warn, info, debug or trace (default info)" },
  { flag: "version" },
  { flag: "help" },
] as const satisfies readonly OptionRow[];

/** In the order of the help. Tests compare it with package.json and docs/settings.md. */
export const OPTION_TABLE: readonly OptionRow[] = ROWS;

export type Flag = Extract<(typeof ROWS)[number], { flag: string }>["flag"];

/** The default in the unit that users set. */
export function defaultOf({ option, unit = 1 }: OptionRow): unknown {
  const value = option && option !== "environment" ? defaultOptions[option] : undefined;
  return typeof value === "number" ? value / unit : value;
}

/** The options that are numbers, except those for which `read` returns undefined. It returns what users set. */
export function readNumbers(read: (row: OptionRow) => number | undefined): Partial<ServerOptions> {
  const numbers = OPTION_TABLE.flatMap((row) => {
    const value = typeof defaultOf(row) === "number" ? read(row) : undefined;
    return value === undefined ? [] : [[row.option, value * (row.unit ?? 1)]];
  });
  return Object.fromEntries(numbers);
}
