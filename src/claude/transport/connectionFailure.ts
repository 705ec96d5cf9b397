import { apiUnresolved, connectionRefused, proxyFailed, tlsFailed } from "../../api/connectionErrors.ts";
import type { ApiError } from "../../api/errors.ts";
import type { NetworkRoute } from "../process/network.ts";

/** A failed connection to the API, read from the CLI's debug line. */
export interface ConnectionFailure {
  /** Code of Node or of the CLI's runtime, such as `ECONNREFUSED` or `ERR_PROXY_TUNNEL`. */
  code: string;
  isTls: boolean;
  message: string;
}

/** The CLI logs the failure in two lines; the second has the code. */
const ANNOUNCEMENT = /API error \(attempt \d{1,6}\/\d{1,6}\): undefined Connection error/;
const DETAILS = /\[ERROR\] Connection error details: code=([\w-]{1,100})( \(SSL error\))?, message=(.{0,300})/;

/** Codes of a connection that was never opened. */
const UNRESOLVED_CODES = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA"]);
const UNREACHED_CODES = new Set([
  ...UNRESOLVED_CODES,
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
]);

/** Handshake failures other than certificate errors, such as a peer without TLS. */
const HANDSHAKE_CODE = /^(EPROTO$|ERR_SSL_|ERR_TLS_)/;

export function announcesConnectionFailure(line: string): boolean {
  return ANNOUNCEMENT.test(line);
}

export function readConnectionFailure(line: string): ConnectionFailure | undefined {
  const [, code, tls, message] = DETAILS.exec(line) ?? [];
  return code === undefined ? undefined : { code, isTls: tls !== undefined, message: message ?? "" };
}

/** The error, if the request certainly was not sent. */
export function connectionError(failure: ConnectionFailure, route: NetworkRoute | undefined): ApiError | undefined {
  const { code, isTls, message } = failure;
  const api = route?.api?.origin ?? "the API";
  const { proxy, extraAuthorities } = route ?? {};
  if (isTls || HANDSHAKE_CODE.test(code)) return tlsFailed(code, { api, proxy, extraAuthorities });
  if (code === "ERR_PROXY_TUNNEL") {
    return proxyFailed(code, { proxy, api, status: /tunnel: (\d{3})/.exec(message)?.[1] });
  }
  if (code === "UnsupportedProxyProtocol") return proxyFailed(code, { proxy, api });
  if (!UNREACHED_CODES.has(code)) return undefined;
  if (proxy !== undefined) return proxyFailed(code, { proxy, api });
  return UNRESOLVED_CODES.has(code) ? apiUnresolved(code, route?.api?.hostname ?? api) : connectionRefused(code, api);
}

/** The error that a mod gets instead of an answer: `HooksError: ECONNREFUSED: Unable to connect …`. */
const HOOK_ERROR = /^(?:HooksError: )?(?:([A-Z]\w{1,100}): )?(.{0,300})/s;
/** The code in the CLI's message to the user: `… through your proxy (ERR_PROXY_TUNNEL) …`. */
const QUOTED_CODE = /\(([A-Z][A-Z0-9_]{3,100})\)/;
/** OpenSSL's messages, with their codes. */
const CERTIFICATE_CODES: readonly [RegExp, string][] = [
  [/unable to verify the first certificate/, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  [/unable to get local issuer certificate/, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
  [/self[- ]signed certificate in certificate chain/, "SELF_SIGNED_CERT_IN_CHAIN"],
  [/self[- ]signed certificate/, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  [/certificate has expired/, "CERT_HAS_EXPIRED"],
  [/certificate is not yet valid/, "CERT_NOT_YET_VALID"],
  [/altname|does not match certificate/i, "ERR_TLS_CERT_ALTNAME_INVALID"],
];

/** Reads the error that a mod got. `api_error` is its kind in the CLI's report, `text` the message to the user. */
export function readHookError(message: string, api_error = "", text = ""): ConnectionFailure | undefined {
  const [, named, rest = ""] = HOOK_ERROR.exec(message) ?? [];
  const certificate = CERTIFICATE_CODES.find(([pattern]) => pattern.test(rest))?.[1];
  const isTls = api_error.startsWith("tls_") || certificate !== undefined;
  const code = named ?? certificate ?? QUOTED_CODE.exec(text)?.[1] ?? (isTls ? "TLS" : undefined);
  return code === undefined ? undefined : { code, isTls, message: rest };
}
