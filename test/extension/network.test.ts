import { afterEach, describe, expect, it } from "vitest";
import * as vscode from "vscode";
import { concernsNetwork, networkVariables, readHttpSettings } from "../../src/extension/network.ts";
import { Settings } from "../../src/extension/settings.ts";
import { configuration } from "../support/vscode.ts";

const PROXY = "http://ann:word@proxy.test:8080";

afterEach(() => configuration.clear());

/** The variables for these VS Code settings. */
function variablesWith(values: Record<string, unknown>): Record<string, string> {
  for (const [name, value] of Object.entries(values)) configuration.set(name, value);
  return networkVariables(readHttpSettings());
}

describe("VS Code's network settings", () => {
  it.each<[string, Record<string, unknown>, Record<string, string>]>([
    ["none", {}, {}],
    ["a proxy", { "http.proxy": ` ${PROXY} ` }, { HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY }],
    ["a proxy that is switched off", { "http.proxy": PROXY, "http.proxySupport": "off" }, {}],
    ["a proxy that Claude Code does not support", { "http.proxy": "socks5://proxy.test:1080" }, {}],
    ["exceptions", { "http.noProxy": ["a.test", "*.b.test"] }, { NO_PROXY: "a.test,*.b.test" }],
    ["the system's certificates", { "http.systemCertificates": true }, {}],
    ["no certificates of the system", { "http.systemCertificates": false }, { CLAUDE_CODE_CERT_STORE: "bundled" }],
    ["a proxy whose certificate is not checked", { "http.proxyStrictSSL": false }, {}],
  ])("reach Claude Code as variables: %s", (_name, values, variables) => {
    expect(variablesWith(values)).toEqual(variables);
  });

  it("are part of the server's options", async () => {
    const context = { globalStorageUri: vscode.Uri.file("/data"), secrets: {} } as vscode.ExtensionContext;
    configuration.set("http.proxy", PROXY);
    expect(await new Settings(context).serverOptions()).toMatchObject({
      networkVariables: { HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY },
    });
  });

  it.each([
    ["http.proxy", true],
    ["http.noProxy", true],
    ["http.systemCertificates", true],
    ["http.fetchAdditionalSupport", false],
  ])("are noticed when they change: %s", (changed, concerns) => {
    expect(concernsNetwork({ affectsConfiguration: (name) => name === changed })).toBe(concerns);
  });
});
