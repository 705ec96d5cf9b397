import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { outOfHandles } from "../../api/errors.ts";
import { isObject } from "../../api/isObject.ts";
import { isOutOfHandles } from "../../api/systemErrors.ts";
import type { CliMessage } from "../protocol/codec.ts";

/** Settings of the CLI that an organization has installed; any user may read them. */
export interface ManagedSettings {
  /** The file, or "managed settings" if the CLI names none. */
  origin: string;
  settings: Record<string, unknown>;
}

/** Where the CLI reads them (docs: "Server-managed and endpoint-managed settings"). */
const DIRECTORIES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ["/Library/Application Support/ClaudeCode"],
  win32: ["C:\\Program Files\\ClaudeCode", "C:\\ProgramData\\ClaudeCode"],
};
const DEFAULT_DIRECTORIES = ["/etc/claude-code"];

/** Settings that keep the CLI from loading our mods. */
const MOD_FORBIDDING_SETTINGS = ["allowManagedHooksOnly", "disableAllHooks"];

/** Settings that run or call something of the organization's, or reject a dummy key. */
const ORGANIZATION_SETTINGS = [
  ...["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper", "policyHelper"],
  ...["hooks", "forceLoginMethod", "forceLoginOrgUUID", "forceLoginGatewayUrl"],
];
/** Variables that redirect calls, and override a worker's. */
const REROUTING_VARIABLE =
  /(_URL|_ENDPOINT|_HOST|_SOCKET|(?<!NO)_PROXY)$|^(OTEL|CLAUDE_CODE_USE)_|(?<!DISABLE_)TELEMETRY|^NODE_OPTIONS$/i;

/** Reads the files. Only the CLI knows settings from other sources (MDM, server). */
export async function readManagedSettings(platform: NodeJS.Platform = process.platform): Promise<ManagedSettings[]> {
  const lists = (DIRECTORIES[platform] ?? DEFAULT_DIRECTORIES).map(async (directory) => {
    const parts = join(directory, "managed-settings.d");
    const names = await readdir(parts).catch((error): string[] => ignoreUnreadable(error) ?? []);
    const dropIns = names.filter((name) => name.endsWith(".json") && !name.startsWith(".")).sort();
    const paths = [join(directory, "managed-settings.json"), ...dropIns.map((name) => join(parts, name))];
    return Promise.all(paths.map(readOne));
  });
  return (await Promise.all(lists)).flat().filter((found) => found !== undefined);
}

/** Extracts managed settings of any source from the CLI's reply to `get_settings`. */
export function managedSettingsOf(answer: CliMessage): ManagedSettings[] {
  const sources: unknown = answer.response?.sources;
  if (!Array.isArray(sources)) return [];
  return sources.flatMap(({ source, settings }) =>
    source === "policySettings" && isObject(settings) ? [{ origin: "managed settings", settings }] : [],
  );
}

/** Names of the settings, without values; a variable is `env.NAME`. */
export function keysOf(managed: readonly ManagedSettings[]): string[] {
  const keys = managed.flatMap(({ settings }) =>
    Object.entries(settings).flatMap(([key, value]) =>
      key === "env" && isObject(value) ? Object.keys(value).map((name) => `env.${name}`) : [key],
    ),
  );
  return [...new Set(keys)];
}

export function modForbiddingSettings(managed: readonly ManagedSettings[]): string[] {
  return MOD_FORBIDDING_SETTINGS.filter((key) => managed.some(({ settings }) => settings[key] === true));
}

/** The organization's command that prints a key. The last file wins. */
export function managedHelper(managed: readonly ManagedSettings[]): { apiKeyHelper?: string } {
  const helpers = managed.map(({ settings }) => settings.apiKeyHelper);
  const apiKeyHelper = helpers.findLast((helper) => typeof helper === "string");
  return apiKeyHelper === undefined ? {} : { apiKeyHelper };
}

/** Whether they restrict the models. */
export function hasModelAllowlist(managed: readonly ManagedSettings[]): boolean {
  return managed.some(({ settings }) => Array.isArray(settings.availableModels));
}

/** Settings with which a self-check's calls could leave this machine, or fail. */
export function reroutingSettings(keys: readonly string[]): string[] {
  return keys.filter((key) =>
    key.startsWith("env.") ? REROUTING_VARIABLE.test(key.slice("env.".length)) : ORGANIZATION_SETTINGS.includes(key),
  );
}

async function readOne(path: string): Promise<ManagedSettings | undefined> {
  try {
    const settings = JSON.parse((await readFile(path, "utf8")).replace(/^\u{feff}/u, ""));
    return isObject(settings) && Object.keys(settings).length > 0 ? { origin: path, settings } : undefined;
  } catch (error) {
    return ignoreUnreadable(error);
  }
}

/** The CLI ignores what it cannot read as well, but may have a file handle left where this process has none. */
function ignoreUnreadable(error: unknown): undefined {
  if (isOutOfHandles(error)) throw outOfHandles(error as Error);
}
