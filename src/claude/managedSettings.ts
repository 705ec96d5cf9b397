import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isObject } from "../api/isObject.ts";
import type { CliMessage } from "./codec.ts";

/** Settings of the CLI that an organization has put on a machine. They are policy that every user may read. */
export interface ManagedSettings {
  /** The file, or what the CLI calls them where it names no file. */
  origin: string;
  settings: Record<string, unknown>;
}

/** Where the CLI reads them (docs: "Server-managed and endpoint-managed settings"). */
const DIRECTORIES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ["/Library/Application Support/ClaudeCode"],
  win32: ["C:\\Program Files\\ClaudeCode", "C:\\ProgramData\\ClaudeCode"],
};
const DEFAULT_DIRECTORIES = ["/etc/claude-code"];

/** Settings that keep the CLI from loading our mod. */
const MOD_FORBIDDING_SETTINGS = ["allowManagedHooksOnly", "disableAllHooks"];

/** Settings that run or call something of the organization's, or refuse the dummy key of the self-check. */
const ORGANIZATION_SETTINGS = [
  ...["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper", "policyHelper"],
  ...["hooks", "forceLoginMethod", "forceLoginOrgUUID", "forceLoginGatewayUrl"],
];
/** Variables that decide where the CLI calls: base URLs, proxies, clouds, telemetry. They win over those of a worker. */
const REROUTING_VARIABLE =
  /(_URL|_ENDPOINT|_HOST|_SOCKET|(?<!NO)_PROXY)$|^(OTEL|CLAUDE_CODE_USE)_|(?<!DISABLE_)TELEMETRY|^NODE_OPTIONS$/i;

/** Reads the files of managed settings. Settings that come from elsewhere (MDM, the server), only the CLI can name. */
export async function readManagedSettings(platform: NodeJS.Platform = process.platform): Promise<ManagedSettings[]> {
  const lists = (DIRECTORIES[platform] ?? DEFAULT_DIRECTORIES).map(async (directory) => {
    const parts = join(directory, "managed-settings.d");
    const names = await readdir(parts).catch(() => []);
    const dropIns = names.filter((name) => name.endsWith(".json") && !name.startsWith(".")).sort();
    const paths = [join(directory, "managed-settings.json"), ...dropIns.map((name) => join(parts, name))];
    return Promise.all(paths.map(readOne));
  });
  return (await Promise.all(lists)).flat().filter((found) => found !== undefined);
}

/** What the CLI answers to `get_settings` of managed settings, wherever they come from. */
export function managedSettingsOf(answer: CliMessage): ManagedSettings[] {
  const sources: unknown = answer.response?.sources;
  if (!Array.isArray(sources)) return [];
  return sources.flatMap(({ source, settings }) =>
    source === "policySettings" && isObject(settings) ? [{ origin: "managed settings", settings }] : [],
  );
}

/** The names of what is set, those of variables as `env.NAME`, without any value. */
export function keysOf(managed: readonly ManagedSettings[]): string[] {
  const keys = managed.flatMap(({ settings }) =>
    Object.entries(settings).flatMap(([key, value]) =>
      key === "env" && isObject(value) ? Object.keys(value).map((name) => `env.${name}`) : [key],
    ),
  );
  return [...new Set(keys)];
}

/** Those settings that keep the CLI from loading mods other than the organization's. */
export function modForbiddingSettings(managed: readonly ManagedSettings[]): string[] {
  return MOD_FORBIDDING_SETTINGS.filter((key) => managed.some(({ settings }) => settings[key] === true));
}

/** The organization's command for a key, if any. Of several files the last one counts. */
export function managedHelper(managed: readonly ManagedSettings[]): { apiKeyHelper?: string } {
  const helpers = managed.map(({ settings }) => settings.apiKeyHelper);
  const apiKeyHelper = helpers.findLast((helper) => typeof helper === "string");
  return apiKeyHelper === undefined ? {} : { apiKeyHelper };
}

/** Whether they name the models that may be used. */
export function hasModelAllowlist(managed: readonly ManagedSettings[]): boolean {
  return managed.some(({ settings }) => Array.isArray(settings.availableModels));
}

/** Those of the names with which calls of a self-check could leave this machine, or would not be made at all. */
export function reroutingSettings(keys: readonly string[]): string[] {
  return keys.filter((key) =>
    key.startsWith("env.") ? REROUTING_VARIABLE.test(key.slice("env.".length)) : ORGANIZATION_SETTINGS.includes(key),
  );
}

async function readOne(path: string): Promise<ManagedSettings | undefined> {
  try {
    const settings = JSON.parse((await readFile(path, "utf8")).replace(/^\u{feff}/u, ""));
    return isObject(settings) && Object.keys(settings).length > 0 ? { origin: path, settings } : undefined;
  } catch {
    // the CLI goes on without a file that it cannot read, too
    return undefined;
  }
}
