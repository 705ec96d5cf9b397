import { apiUnresolved, connectionRefused, proxyFailed, tlsFailed } from "../api/connectionErrors.ts";
import type { ApiError } from "../api/errors.ts";
import type { NetworkRoute } from "./network.ts";

/** Why a connection to the API did not come about, as the CLI's debug line says it. */
export interface ConnectionFailure {
  /** Node's code, or one of the CLI's runtime, as in `ECONNREFUSED` or `ERR_PROXY_TUNNEL`. */
  code: string;
  isTls: boolean;
  words: string;
}

/** The CLI announces the failure in two lines; the second one has the code. */
const ANNOUNCED = /API error \(attempt \d{1,6}\/\d{1,6}\): undefined Connection error/;
const DETAILS = /\[ERROR\] Connection error details: code=([\w-]{1,100})( \(SSL error\))?, message=(.{0,300})/;

/** Codes of a connection that was never open: the name is unknown, or nothing answers at the address. */
const UNRESOLVED = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA"]);
const UNREACHED = new Set([...UNRESOLVED, "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN"]);

/** Codes of a handshake that failed at something else than a certificate, as where the other end speaks no TLS. */
const HANDSHAKE = /^(EPROTO$|ERR_SSL_|ERR_TLS_)/;

/** Whether the line announces a failed connection, whose details follow. */
export function announcesConnectionFailure(line: string): boolean {
  return ANNOUNCED.test(line);
}

export function readConnectionFailure(line: string): ConnectionFailure | undefined {
  const [, code, tls, words] = DETAILS.exec(line) ?? [];
  return code === undefined ? undefined : { code, isTls: tls !== undefined, words: words ?? "" };
}

/** The error of a failure whose cause is certain; undefined for one that may also come after the request was sent. */
export function connectionError(failure: ConnectionFailure, route: NetworkRoute | undefined): ApiError | undefined {
  const { code, isTls, words } = failure;
  const api = route?.api?.origin ?? "the API";
  const { proxy, extraAuthorities } = route ?? {};
  if (isTls || HANDSHAKE.test(code)) return tlsFailed(code, { api, proxy, extraAuthorities });
  if (code === "ERR_PROXY_TUNNEL") {
    return proxyFailed(code, { proxy, api, status: /tunnel: (\d{3})/.exec(words)?.[1] });
  }
  if (code === "UnsupportedProxyProtocol") return proxyFailed(code, { proxy, api });
  if (!UNREACHED.has(code)) return undefined;
  if (proxy !== undefined) return proxyFailed(code, { proxy, api });
  return UNRESOLVED.has(code) ? apiUnresolved(code, route?.api?.hostname ?? api) : connectionRefused(code, api);
}
