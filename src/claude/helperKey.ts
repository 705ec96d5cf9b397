import type { Launch } from "./cliProcess.ts";
import type { CliAccount } from "./description.ts";

/** The key of an `apiKeyHelper` that a worker is started with. */
export interface HelperKey {
  /** The variables that the worker has it in. */
  variables: readonly string[];
  /** The time of `performance.now()` from which it is too old for another request, as the CLI would have it. */
  usableUntil: number;
}

/** Begins the line on stderr that says why a helper gave no key. */
const FAILURE_PREFIX = "claude-virtual-api: the apiKeyHelper of Claude Code's settings";

/**
 * Runs the helper, exports its key in the variables named, and becomes the CLI with settings that name no helper. Where
 * the helper fails, the CLI gets it, runs it again and reports why, as it would without us.
 */
const SCRIPT = `
helper=$1 variables=$2 settings=$3 instead=$4
shift 4
if key=$(/bin/sh -c "$helper" </dev/null); then
  key=$(printf %s "$key" | tr -d '[:space:]')
  if [ -n "$key" ]; then
    for variable in $variables; do export "$variable=$key"; done
    settings=$instead
  else
    echo "${FAILURE_PREFIX} printed nothing" >&2
  fi
else
  echo "${FAILURE_PREFIX} ended with exit code $?" >&2
fi
unset helper variables instead key
exec "$@" --settings "$settings"
`;

/** Milliseconds for which the CLI keeps a helper's key unless a variable says otherwise. */
const DEFAULT_TTL_MS = 300_000;

/** Variables that lead the CLI to a provider with which it runs no `apiKeyHelper`. */
const PROVIDER_VARIABLES = ["BEDROCK", "VERTEX", "FOUNDRY", "MANTLE", "ANTHROPIC_AWS", "ANTHROPIC_GOOGLE_CLOUD"].map(
  (name) => `CLAUDE_CODE_USE_${name}`,
);

/**
 * Hands the user's helpers to the CLI, and has the `apiKeyHelper` run before the CLI instead of by it. The CLI would
 * forget the key with each settings it is given, which is each request, and run the helper with the request's body in its
 * environment: a program with a variable of 128 KiB and more does not start on Linux, and the request would go without a
 * key. Only the new process sees the key. Windows has no shell for this, so there the CLI runs the helper.
 */
export function withHelpers(
  launch: Launch,
  helpers: Readonly<Record<string, string>>,
  platform: NodeJS.Platform = process.platform,
  now = performance.now(),
): { launch: Launch; key?: HelperKey } {
  const { environment, command, args } = launch;
  const { apiKeyHelper, ...others } = helpers;
  const settings = JSON.stringify(helpers);
  if (settings === "{}") return { launch };
  const isSet = (name: string) => (environment[name] ?? "") !== "";
  if (!apiKeyHelper || platform === "win32" || isSet("ANTHROPIC_AUTH_TOKEN") || PROVIDER_VARIABLES.some(isSet)) {
    return { launch: { ...launch, args: [...args, "--settings", settings] } };
  }
  // a key of the user's own goes before the helper's, which then is the token only
  const variables = ["ANTHROPIC_AUTH_TOKEN", ...(isSet("ANTHROPIC_API_KEY") ? [] : ["ANTHROPIC_API_KEY"])];
  const parameters = [apiKeyHelper, variables.join(" "), settings, JSON.stringify(others)];
  const given = Number(environment.CLAUDE_CODE_API_KEY_HELPER_TTL_MS || DEFAULT_TTL_MS);
  return {
    launch: { ...launch, command: "/bin/sh", args: ["-c", SCRIPT, "sh", ...parameters, command, ...args] },
    key: { variables, usableUntil: now + (given >= 0 ? given : DEFAULT_TTL_MS) },
  };
}

/** What a line of stderr says about a helper that gave no key; undefined for all other lines. */
export function helperFailure(line: string): string | undefined {
  return line.startsWith(FAILURE_PREFIX) ? line.slice("claude-virtual-api: ".length).trim() : undefined;
}

/** Whether a worker was started with a key that is too old now. */
export function hasExpiredKey({ helperKey }: { helperKey: HelperKey | undefined }): boolean {
  return helperKey !== undefined && helperKey.usableUntil <= performance.now();
}

/** The CLI's account with the helper as the source of what it found in those variables. */
export function attributeToHelper(account: CliAccount, key: HelperKey | undefined): CliAccount {
  const sources = (["tokenSource", "apiKeySource"] as const).flatMap((name) => {
    const source = account[name];
    return source !== undefined && key?.variables.includes(source) ? [[name, "apiKeyHelper"]] : [];
  });
  return { ...account, ...Object.fromEntries(sources) };
}
