import { resolve } from "node:path";

/**
 * An allow-list: an editor or an outer Claude Code session sets variables that change how a child runs (`NODE_OPTIONS`,
 * `ELECTRON_RUN_AS_NODE`, `VSCODE_*`, `CLAUDECODE` …). `extraEnvironment` adds more.
 */
const ALLOWED_NAMES = new Set([
  // needed by every program
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "TEMP", "TMP"],
  // where version managers' shims find the CLI
  ...["VOLTA_HOME", "ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR", "MISE_CONFIG_DIR"],
  // Windows
  ...["SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME", "HOMEDRIVE", "HOMEPATH"],
  ...["APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PROCESSOR_ARCHITECTURE"],
  // sign-in through a desktop key ring
  ...["DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "SSH_AUTH_SOCK"],
  // network
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"],
  ...["NODE_TLS_REJECT_UNAUTHORIZED", "NODE_USE_SYSTEM_CA"],
  // the CLI's own: directories and sign-in
  ...["CLAUDE_CONFIG_DIR", "CLAUDE_SECURESTORAGE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_GIT_BASH_PATH"],
  ...["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE"],
  ...["CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD"],
  ...["CLAUDE_CODE_SKIP_BEDROCK_AUTH", "CLAUDE_CODE_SKIP_VERTEX_AUTH", "CLAUDE_CODE_SKIP_FOUNDRY_AUTH"],
  ...["CLAUDE_CODE_SKIP_MANTLE_AUTH", "CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH"],
  "CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH",
  ...["CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "CLAUDE_CODE_CERT_STORE"],
  ...["CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY", "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE"],
  ...["API_TIMEOUT_MS", "CLOUD_ML_REGION", "GCLOUD_PROJECT"],
]);

const ALLOWED_PREFIXES = ["ANTHROPIC_", "AWS_", "AZURE_", "GOOGLE_", "VERTEX_REGION_", "LC_", "XDG_"];

/** Allowed by prefix, but they would change requests. */
const RESERVED_NAMES = new Set(["ANTHROPIC_BETAS", "ANTHROPIC_MODEL", "ANTHROPIC_LOG"]);

/** Paths that the CLI would resolve against its own working directory. */
const PATH_VARIABLES = new Set([
  ...["CLAUDE_CONFIG_DIR", "CLAUDE_SECURESTORAGE_CONFIG_DIR", "CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY"],
  ...["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
  ...["AWS_CA_BUNDLE", "AWS_WEB_IDENTITY_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS"],
]);

/**
 * Makes the CLI send each request once and unchanged, without retries, compaction, limits, betas or background traffic
 * of its own.
 */
export const FIXED_VARIABLES: Readonly<Record<string, string>> = {
  CLAUDE_CODE_MAX_RETRIES: "0",
  CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: "1",
  DISABLE_COMPACT: "1",
  DISABLE_AUTO_COMPACT: "1",
  CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: String(Number.MAX_SAFE_INTEGER),
  CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP: "1",
  CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK: "1",
  CLAUDE_CODE_DISABLE_REFUSAL_RETRY: "1",
  CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS: "1",
  DISABLE_INTERLEAVED_THINKING: "1",
  CLAUDE_CODE_MODEL_CAPABILITIES: "*=effort,-context_management",
  API_FORCE_IDLE_TIMEOUT: "0",
  CLAUDE_ENABLE_STREAM_WATCHDOG: "0",
  CLAUDE_ENABLE_BYTE_WATCHDOG: "0",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_AUTOUPDATER: "1",
};

/** Betas that the CLI removes unless its own experimental betas are enabled. */
const EXPERIMENTAL_BETAS = new Set(["inline-tools-2026-09-15", "mid-conversation-tool-changes-2026-07-01"]);

/**
 * Builds a worker's environment. `betas` add to the CLI's own. The CLI gives up on upstream after `streamIdleTimeout`
 * ms without a byte (10 s to 30 min; 0 for never).
 */
export function childEnvironment(
  environment: NodeJS.ProcessEnv,
  extra: Record<string, string>,
  betas: readonly string[],
  streamIdleTimeout = 0,
): Record<string, string> {
  const child: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && isAllowed(name.toUpperCase())) child[name] = value;
  }
  Object.assign(child, extra);
  for (const [name, value] of Object.entries(child))
    if (PATH_VARIABLES.has(name) && value !== "") child[name] = resolve(value);
  Object.assign(child, FIXED_VARIABLES);
  if (streamIdleTimeout > 0) {
    child.CLAUDE_ENABLE_BYTE_WATCHDOG = "1";
    child.CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS = String(streamIdleTimeout);
  }
  if (betas.length > 0) child.ANTHROPIC_BETAS = betas.join(",");
  if (betas.some((beta) => EXPERIMENTAL_BETAS.has(beta))) delete child.CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS;
  return child;
}

function isAllowed(name: string): boolean {
  return (
    ALLOWED_NAMES.has(name) || (!RESERVED_NAMES.has(name) && ALLOWED_PREFIXES.some((prefix) => name.startsWith(prefix)))
  );
}
