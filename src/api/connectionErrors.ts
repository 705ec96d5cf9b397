import { ApiError, NO_RETRY } from "./errors.ts";
import { describe, type MessageDescriptor, type MessageValue } from "./messageDescriptors.ts";

/** The step at which a connection to the API failed, as `error.details.reason`. */
type Reason = "tls" | "proxy" | "dns" | "connection";

interface Endpoints {
  /** The address of the API, or "the API". */
  api: string;
  /** The proxy's address, without credentials; undefined where none is known. */
  proxy?: string | undefined;
}

const SET_BY = "(set by HTTPS_PROXY, or by http.proxy in VS Code)";
const proxyOf = (proxy: string | undefined) => (proxy === undefined ? "The proxy" : `The proxy ${proxy} ${SET_BY}`);

const UNKNOWN_API = "the API";
const describedApi = (api: string): MessageValue => (api === UNKNOWN_API ? describe("api", {}) : api);
const describedProxy = (proxy: string | undefined) =>
  proxy === undefined ? describe("proxy", {}) : describe("proxy_at", { proxy });

const unreachable = (reason: Reason, code: string, message: string, descriptor: MessageDescriptor, passes = false) =>
  new ApiError(500, "api_error", message, {
    details: { error_code: "upstream_unreachable", reason, code },
    descriptor,
    ...(!passes && { headers: NO_RETRY }),
  });

/** By code, for certificates of a trusted authority that are still not valid. */
const TLS_REMEDIES: Record<string, string> = {
  CERT_HAS_EXPIRED:
    "has expired. Check the clock of this machine; otherwise the operator of that server has to renew it",
  CERT_NOT_YET_VALID: "is not valid yet. Check the clock of this machine",
  ERR_TLS_CERT_ALTNAME_INVALID: "is for another name. Check ANTHROPIC_BASE_URL and the proxy",
};

const TLS_DESCRIPTORS = {
  CERT_HAS_EXPIRED: "certificate_expired",
  CERT_NOT_YET_VALID: "certificate_not_yet_valid",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate_of_other_name",
} as const;

export const tlsFailed = (
  code: string,
  { api, proxy, extraAuthorities }: Endpoints & { extraAuthorities?: string | undefined },
) => {
  const way = proxy === undefined ? "" : `, reached through the proxy ${proxy},`;
  const remedy = TLS_REMEDIES[code];
  const server =
    proxy === undefined ? describedApi(api) : describe("api_through_proxy", { api: describedApi(api), proxy });
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    const message = `The TLS handshake with ${api}${way} failed (${code}). Check ANTHROPIC_BASE_URL and the proxy: https:// is right only where that server speaks TLS.`;
    return unreachable("tls", code, message, describe("tls_handshake_failed", { api: server, code }));
  }
  if (remedy !== undefined) {
    const descriptor = describe(TLS_DESCRIPTORS[code as keyof typeof TLS_DESCRIPTORS], { api: server, code });
    return unreachable("tls", code, `The certificate of ${api}${way} ${remedy} (${code}).`, descriptor);
  }
  const authorities = extraAuthorities === undefined ? "" : ` It is '${extraAuthorities}' now.`;
  return unreachable(
    "tls",
    code,
    `Claude Code does not trust the certificate of ${api}${way} (${code}). If a proxy or gateway has it signed by your organization, add that certificate authority to the system's certificates, or set NODE_EXTRA_CA_CERTS to a PEM file with it.${authorities}`,
    extraAuthorities === undefined
      ? describe("certificate_untrusted", { api: server, code })
      : describe("certificate_untrusted_with_authorities", { api: server, code, path: extraAuthorities }),
  );
};

/** `status` is the proxy's answer to the request for a tunnel. */
export const proxyFailed = (code: string, { proxy, api, status }: Endpoints & { status?: string | undefined }) => {
  const named = describedProxy(proxy);
  const fail = (what: string, descriptor: MessageDescriptor, passes = false) =>
    unreachable("proxy", code, `${proxyOf(proxy)} ${what}`, descriptor, passes);
  if (status === "407") {
    return fail(
      "asks for credentials (407). Put them into its URL, as in http://user:password@host:port.",
      describe("proxy_asks_for_credentials", { proxy: named }),
    );
  }
  if (status !== undefined) {
    return fail(
      `refuses to connect to ${api} (${status}). Its operator has to allow that address.`,
      describe("proxy_refuses", { proxy: named, api: describedApi(api), status }),
      status >= "500",
    );
  }
  if (code === "UnsupportedProxyProtocol")
    return fail(
      "uses a protocol that Claude Code does not speak. Use http:// or https://.",
      describe("proxy_protocol_unknown", { proxy: named }),
    );
  return fail(
    `cannot be reached (${code}). Check its address and that it runs, or remove the setting.`,
    describe("proxy_unreachable", { proxy: named, code }),
    true,
  );
};

/** A proxy's 407 to a call without a tunnel. Becomes a 502, since clients cannot answer a 407. */
export const proxyAsksForCredentials = (proxy: string | undefined) =>
  new ApiError(
    502,
    "api_error",
    `${proxyOf(proxy)} asks for credentials (407). Put them into its URL, as in http://user:password@host:port.`,
    {
      details: { error_code: "upstream_unreachable", reason: "proxy", code: "407" },
      descriptor: describe("proxy_asks_for_credentials", { proxy: describedProxy(proxy) }),
      headers: NO_RETRY,
    },
  );

export const apiUnresolved = (code: string, name: string) =>
  unreachable(
    "dns",
    code,
    `The name ${name} cannot be resolved (${code}). Check the network and its DNS. If this network needs a proxy, set HTTPS_PROXY, or http.proxy in VS Code.`,
    describe("dns_failed", { name, code }),
    true,
  );

export const connectionRefused = (code: string, api: string) =>
  unreachable(
    "connection",
    code,
    `${api} cannot be reached (${code}). Check ANTHROPIC_BASE_URL, the network and its firewall. If this network needs a proxy, set HTTPS_PROXY, or http.proxy in VS Code.`,
    describe("connection_failed", { api: describedApi(api), code }),
    true,
  );
