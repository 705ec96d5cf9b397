import * as vscode from "vscode";

/** VS Code's network settings that Claude Code can apply. */
export interface HttpSettings {
  proxy: string;
  proxySupport: string;
  noProxy: readonly string[];
  systemCertificates: boolean;
}

const SECTION = "http";
const SETTING_NAMES = [
  "proxy",
  "proxySupport",
  "noProxy",
  "systemCertificates",
] as const satisfies (keyof HttpSettings)[];

/** Proxy URLs that Claude Code supports. */
const SUPPORTED_PROXY = /^https?:\/\//i;

export function readHttpSettings(): HttpSettings {
  const settings = vscode.workspace.getConfiguration(SECTION);
  return {
    proxy: settings.get("proxy") ?? "",
    proxySupport: settings.get("proxySupport") ?? "",
    noProxy: settings.get<string[]>("noProxy") ?? [],
    systemCertificates: settings.get("systemCertificates") ?? true,
  };
}

export function concernsNetwork(event: vscode.ConfigurationChangeEvent): boolean {
  return SETTING_NAMES.some((name) => event.affectsConfiguration(`${SECTION}.${name}`));
}

/**
 * The environment variables that apply these settings to Claude Code. `http.proxyStrictSSL` is left out: Claude Code would
 * trust any certificate, even for the API.
 */
export function networkVariables(settings: HttpSettings): Record<string, string> {
  const { noProxy, systemCertificates } = settings;
  const proxy = settings.proxy.trim();
  return {
    ...(settings.proxySupport !== "off" && SUPPORTED_PROXY.test(proxy) && { HTTPS_PROXY: proxy, HTTP_PROXY: proxy }),
    ...(noProxy.length > 0 && { NO_PROXY: noProxy.join(",") }),
    // by default Claude Code also trusts the system's certificates
    ...(!systemCertificates && { CLAUDE_CODE_CERT_STORE: "bundled" }),
  };
}
