import { access, constants } from "node:fs/promises";
import { cliBaseUrlInvalid, cliProxyInvalid } from "../../api/cliErrors.ts";
import { describe, type MessageDescriptor } from "../../api/messageDescriptors.ts";

type Variables = Record<string, string | undefined>;

/** Proxy variables of the CLI, first match first. Lower case works as well. */
const PROXY_NAMES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];
/** Setting one variable of a group decides the whole group. */
const VARIABLE_GROUPS: readonly (readonly string[])[] = [
  PROXY_NAMES,
  ["NO_PROXY"],
  ["CLAUDE_CODE_CERT_STORE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_USE_SYSTEM_CA"],
];
/** No proxy elsewhere can reach these. */
const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "::1"];
/** A proxy without a scheme; the CLI assumes HTTP. */
const BARE_PROXY = /^[\w.-]+:\d{1,5}$/;
const CLOUD_VARIABLES = ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"];

/** Route of a worker's API calls, for error messages. Holds no credentials. */
export interface NetworkRoute {
  api: URL | undefined;
  proxy: string | undefined;
  extraAuthorities: string | undefined;
}

/** The editor's variables that the user's environment leaves undecided. */
export function editorDefaults(given: Variables, editor: Record<string, string>): Record<string, string> {
  const names = new Set(Object.keys(given).map((name) => name.toUpperCase()));
  const unnamed = Object.entries(editor).filter(([name]) => {
    const group = VARIABLE_GROUPS.find((members) => members.includes(name)) ?? [name];
    return !group.some((member) => names.has(member));
  });
  return Object.fromEntries(unnamed);
}

/** Excludes loopback from the proxy. Throws `ApiError` if the proxy or the base URL is invalid. */
export function prepareNetwork(environment: Record<string, string>): void {
  const api = environment.ANTHROPIC_BASE_URL?.trim();
  if (api && !isCloud(environment) && !/^https?:$/.test(parsed(api)?.protocol ?? "")) throw cliBaseUrlInvalid();
  const proxy = proxyOf(environment);
  if (!proxy) return;
  if (!BARE_PROXY.test(proxy.value) && hostOf(proxy.value) === "") throw cliProxyInvalid(proxy.name);
  const names = Object.keys(environment).filter((name) => name.toUpperCase() === "NO_PROXY");
  for (const name of names.length > 0 ? names : ["NO_PROXY"]) {
    const listed = entriesOf(environment[name] ?? "");
    if (!listed.includes("*")) environment[name] = [...new Set([...listed, ...LOOPBACK_HOSTS])].join(",");
  }
}

/** Describes what is special about a route, one line each. */
export function describeRoute({ proxy, extraAuthorities }: NetworkRoute): string[] {
  return [
    ...(proxy === undefined ? [] : [`uses the proxy ${proxy}`]),
    ...(extraAuthorities === undefined ? [] : [`also trusts the certificates in ${extraAuthorities}`]),
  ];
}

/** What is wrong, in English and for user interfaces in other languages. */
export interface AuthoritiesProblem {
  text: string;
  descriptor: MessageDescriptor;
}

/** Describes a problem with the additional certificate authorities. The CLI starts without them. */
export async function authoritiesProblem({
  extraAuthorities: path,
}: NetworkRoute): Promise<AuthoritiesProblem | undefined> {
  if (path === undefined) return undefined;
  return access(path, constants.R_OK).then(
    () => undefined,
    ({ code = "?" }: NodeJS.ErrnoException) => ({
      text: `NODE_EXTRA_CA_CERTS is '${path}', which cannot be read (${code}): Claude Code runs without these certificates`,
      descriptor: describe("authorities_unreadable", { path, code }),
    }),
  );
}

export function networkRoute(environment: Record<string, string>): NetworkRoute {
  const api = isCloud(environment) ? undefined : parsed(environment.ANTHROPIC_BASE_URL || "https://api.anthropic.com");
  const proxy = proxyOf(environment);
  // the CLI reads only the first of the two
  const exempt = entriesOf(environment.no_proxy || environment.NO_PROXY || "");
  return {
    api,
    proxy: proxy && !(api && isExempt(api, exempt)) ? withoutCredentials(proxy.value) : undefined,
    extraAuthorities: environment.NODE_EXTRA_CA_CERTS || undefined,
  };
}

function isCloud(environment: Record<string, string>): boolean {
  return CLOUD_VARIABLES.some((name) => environment[name]);
}

function proxyOf(environment: Record<string, string>): { name: string; value: string } | undefined {
  for (const name of PROXY_NAMES.flatMap((upper) => [upper.toLowerCase(), upper])) {
    const value = environment[name];
    if (value && !isIgnored(name, value)) return { name, value };
  }
  return undefined;
}

/** The CLI ignores an ALL_PROXY that does not speak HTTP, such as a desktop's SOCKS proxy. */
function isIgnored(name: string, value: string): boolean {
  return /^all_proxy$/i.test(name) && /^(?!https?:)[a-z][a-z0-9+.-]*:\/\//i.test(value);
}

function entriesOf(list: string): string[] {
  return list.split(/[\s,]+/).filter((entry) => entry !== "");
}

function isExempt({ hostname, port }: URL, entries: readonly string[]): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return entries.some((entry) => {
    const name = entry.replace(/^\*?\./, "");
    const forms = [host, `${host}:${port}`];
    return entry === "*" || forms.some((form) => form === name || form.endsWith(`.${name}`));
  });
}

function withoutCredentials(proxy: string): string {
  const url = BARE_PROXY.test(proxy) ? undefined : parsed(proxy);
  return url ? `${url.protocol}//${url.host}` : proxy;
}

function hostOf(url: string): string {
  return parsed(url)?.host ?? "";
}

function parsed(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
