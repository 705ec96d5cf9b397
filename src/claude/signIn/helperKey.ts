import type { Launch } from "../process/cliProcess.ts";
import type { CliAccount } from "./description.ts";

/** The key from an `apiKeyHelper`, given to a worker at its start. */
export interface HelperKey {
  variables: readonly string[];
  /** Expiry in the time of `performance.now()`. */
  usableUntil: number;
}

/** Marks the stderr line that says why a helper returned no key. */
const FAILURE_PREFIX = "claude-virtual-api: the apiKeyHelper in Claude Code's settings";

/**
 * Runs the helper, exports its key, and becomes the CLI with settings that name no helper. If the helper fails, the CLI
 * gets it and reports the reason.
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

/** How long the CLI keeps a helper's key by default. */
const DEFAULT_TTL_MS = 300_000;

/** Variables that select a provider for which the CLI runs no `apiKeyHelper`. */
const PROVIDER_VARIABLES = ["BEDROCK", "VERTEX", "FOUNDRY", "MANTLE", "ANTHROPIC_AWS", "ANTHROPIC_GOOGLE_CLOUD"].map(
  (name) => `CLAUDE_CODE_USE_${name}`,
);

/**
 * Runs `apiKeyHelper` before the CLI starts. The CLI would run it for each request, with the request's body in its
 * environment; on Linux, no program starts with a variable of 128 KiB or more, and the request would be sent without a
 * key. Only the new process sees the key. Windows has no shell for this, so the CLI runs the helper there.
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
  // the user's own key goes first; the helper's is then only the token
  const variables = ["ANTHROPIC_AUTH_TOKEN", ...(isSet("ANTHROPIC_API_KEY") ? [] : ["ANTHROPIC_API_KEY"])];
  const parameters = [apiKeyHelper, variables.join(" "), settings, JSON.stringify(others)];
  const given = Number(environment.CLAUDE_CODE_API_KEY_HELPER_TTL_MS || DEFAULT_TTL_MS);
  return {
    launch: { ...launch, command: "/bin/sh", args: ["-c", SCRIPT, "sh", ...parameters, command, ...args] },
    key: { variables, usableUntil: now + (given >= 0 ? given : DEFAULT_TTL_MS) },
  };
}

export function helperFailure(line: string): string | undefined {
  return line.startsWith(FAILURE_PREFIX) ? line.slice("claude-virtual-api: ".length).trim() : undefined;
}

export function hasExpiredKey({ helperKey }: { helperKey: HelperKey | undefined }): boolean {
  return helperKey !== undefined && helperKey.usableUntil <= performance.now();
}

/** Names the helper as the source of its key. */
export function attributeToHelper(account: CliAccount, key: HelperKey | undefined): CliAccount {
  const sources = (["tokenSource", "apiKeySource"] as const).flatMap((name) => {
    const source = account[name];
    return source !== undefined && key?.variables.includes(source) ? [[name, "apiKeyHelper"]] : [];
  });
  return { ...account, ...Object.fromEntries(sources) };
}
