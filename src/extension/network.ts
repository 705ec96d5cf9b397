import * as vscode from "vscode";

/** Those of VS Code's own settings about the network that Claude Code can follow. */
export interface HttpSettings {
  proxy: string;
  proxySupport: string;
  noProxy: readonly string[];
  systemCertificates: boolean;
}

const SECTION = "http";
const NAMES = ["proxy", "proxySupport", "noProxy", "systemCertificates"] as const satisfies (keyof HttpSettings)[];

/** The schemes of proxies that Claude Code speaks. */
const SPOKEN = /^https?:\/\//i;

export function readHttpSettings(): HttpSettings {
  const settings = vscode.workspace.getConfiguration(SECTION);
  return {
    proxy: settings.get("proxy") ?? "",
    proxySupport: settings.get("proxySupport") ?? "",
    noProxy: settings.get<string[]>("noProxy") ?? [],
    systemCertificates: settings.get("systemCertificates") ?? true,
  };
}

/** Whether a change of VS Code's settings concerns one of them. */
export function concernsNetwork(event: vscode.ConfigurationChangeEvent): boolean {
  return NAMES.some((name) => event.affectsConfiguration(`${SECTION}.${name}`));
}

/**
 * The variables by which Claude Code follows these settings. `http.proxyStrictSSL` has none: it would have Claude Code
 * trust any certificate, that of the API included.
 */
export function networkVariables(settings: HttpSettings): Record<string, string> {
  const { noProxy, systemCertificates } = settings;
  const proxy = settings.proxy.trim();
  return {
    ...(settings.proxySupport !== "off" && SPOKEN.test(proxy) && { HTTPS_PROXY: proxy, HTTP_PROXY: proxy }),
    ...(noProxy.length > 0 && { NO_PROXY: noProxy.join(",") }),
    // by default Claude Code trusts the system's, too
    ...(!systemCertificates && { CLAUDE_CODE_CERT_STORE: "bundled" }),
  };
}
