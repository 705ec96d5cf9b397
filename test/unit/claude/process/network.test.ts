import { describe, expect, it } from "vitest";
import {
  authoritiesProblem,
  editorDefaults,
  networkRoute,
  prepareNetwork,
} from "../../../../src/claude/process/network.ts";

const PROXY = "http://ann:word@proxy.test:8080";
const EDITOR = { HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY, NO_PROXY: "a.test", CLAUDE_CODE_CERT_STORE: "bundled" };

describe("editorDefaults", () => {
  it.each<[string, Record<string, string>, string[]]>([
    ["nothing", {}, ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "CLAUDE_CODE_CERT_STORE"]],
    ["one proxy", { HTTPS_PROXY: "http://own" }, ["NO_PROXY", "CLAUDE_CODE_CERT_STORE"]],
    ["another proxy in lower case", { all_proxy: "http://own" }, ["NO_PROXY", "CLAUDE_CODE_CERT_STORE"]],
    ["an empty proxy, which says that there is none", { HTTP_PROXY: "" }, ["NO_PROXY", "CLAUDE_CODE_CERT_STORE"]],
    ["exceptions", { no_proxy: "b.test" }, ["HTTPS_PROXY", "HTTP_PROXY", "CLAUDE_CODE_CERT_STORE"]],
    ["certificates", { SSL_CERT_FILE: "/a.pem" }, ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"]],
  ])("fills in what the user left undecided: %s", (_name, given, names) => {
    expect(Object.keys(editorDefaults(given, EDITOR))).toEqual(names);
  });
});

describe("prepareNetwork", () => {
  const settled = (environment: Record<string, string>) => {
    prepareNetwork(environment);
    return environment;
  };

  it.each([
    [{}, { NO_PROXY: "localhost,127.0.0.1,::1" }],
    [{ NO_PROXY: "a.test, .b.test" }, { NO_PROXY: "a.test,.b.test,localhost,127.0.0.1,::1" }],
    [{ no_proxy: "127.0.0.1" }, { no_proxy: "127.0.0.1,localhost,::1" }],
    [{ NO_PROXY: "*" }, { NO_PROXY: "*" }],
  ])("excludes this machine from the proxy: %j", (given, expected) => {
    expect(settled({ HTTP_PROXY: PROXY, ...given })).toEqual({ HTTP_PROXY: PROXY, ...expected });
  });

  it("changes nothing without a proxy", () => {
    expect(settled({ HTTPS_PROXY: "", NO_PROXY: "a.test" })).toEqual({ HTTPS_PROXY: "", NO_PROXY: "a.test" });
  });

  it.each(["not a url", "http://", "ann:word@proxy.test:8080"])(
    "rejects an invalid proxy URL without quoting it: %s",
    (url) => {
      expect(() => settled({ https_proxy: url })).toThrow(
        /^Claude Code cannot be started, since https_proxy is not the URL/,
      );
    },
  );

  it.each(["127.0.0.1:8080", "localhost:8080", "gateway", "ftp://gateway.test"])(
    "rejects the API address %s",
    (url) => {
      const message = /since ANTHROPIC_BASE_URL is not a URL/;
      expect(() => settled({ ANTHROPIC_BASE_URL: url })).toThrow(message);
      expect(() => settled({ ANTHROPIC_BASE_URL: url, CLAUDE_CODE_USE_VERTEX: "1" })).not.toThrow();
    },
  );

  it.each(["", " https://gateway.test/v1 ", "HTTP://127.0.0.1:8080"])("accepts the API address '%s'", (url) => {
    expect(() => settled({ ANTHROPIC_BASE_URL: url })).not.toThrow();
  });

  it("accepts a proxy without a scheme, like the CLI", () => {
    expect(settled({ HTTPS_PROXY: "proxy.test:8080" })).toHaveProperty("NO_PROXY");
  });
});

describe("networkRoute", () => {
  const proxyTo = (api: string, given: Record<string, string> = {}) =>
    networkRoute({ HTTPS_PROXY: PROXY, ANTHROPIC_BASE_URL: api, ...given }).proxy;

  it("names API and proxy without credentials", () => {
    const { api, proxy } = networkRoute({ HTTPS_PROXY: PROXY });
    expect([api?.origin, proxy]).toEqual(["https://api.anthropic.com", "http://proxy.test:8080"]);
  });

  it("ignores a SOCKS proxy in ALL_PROXY, like the CLI", () => {
    for (const scheme of ["socks", "socks5", "socks5h"]) {
      expect(networkRoute({ ALL_PROXY: `${scheme}://proxy.test:1080` }).proxy).toBeUndefined();
    }
    expect(networkRoute({ ALL_PROXY: "http://proxy.test:8080" }).proxy).toBe("http://proxy.test:8080");
    expect(networkRoute({ all_proxy: "proxy.test:8080" }).proxy).toBe("proxy.test:8080");
  });

  it("does not guess a cloud's address", () => {
    expect(networkRoute({ CLAUDE_CODE_USE_BEDROCK: "1" }).api).toBeUndefined();
  });

  it("names no proxy for an excluded address", () => {
    const NO_PROXY = "localhost, 127.0.0.1,::1 .corp.test,exact.test,port.test:8443";
    const direct = ["http://127.0.0.1:8080", "http://[::1]:8080", "https://a.corp.test", "https://sub.exact.test"];
    for (const api of [...direct, "https://port.test:8443"]) expect(proxyTo(api, { NO_PROXY })).toBeUndefined();
    const through = ["https://api.anthropic.com", "https://notexact.test", "https://port.test"];
    for (const api of through) expect(proxyTo(api, { NO_PROXY })).toBe("http://proxy.test:8080");
    expect(proxyTo("https://a.test", { no_proxy: "*" })).toBeUndefined();
    expect(proxyTo("https://a.test", { no_proxy: "b.test", NO_PROXY: "a.test" })).toBe("http://proxy.test:8080");
  });
});

describe("authoritiesProblem", () => {
  const troubleOf = async (path: string) =>
    (await authoritiesProblem(networkRoute({ NODE_EXTRA_CA_CERTS: path })))?.text;

  it("names a file that the CLI cannot read", async () => {
    expect(await troubleOf("/none/ca.pem")).toBe(
      "NODE_EXTRA_CA_CERTS is '/none/ca.pem', which cannot be read (ENOENT): Claude Code runs without these certificates",
    );
    expect(await troubleOf(import.meta.filename)).toBeUndefined();
    expect(await troubleOf("")).toBeUndefined();
  });
});
