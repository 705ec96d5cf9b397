import { createHash, timingSafeEqual } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Context, Middleware } from "koa";
import { hostNotAllowed, originNotAllowed, targetNotAllowed } from "../../api/accessErrors.ts";
import { invalidRequest, missingKey, wrongKey } from "../../api/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import { printable } from "../../shared/printable.ts";
import { ApiRequest } from "../apiRequest.ts";
import { type Authority, parseAuthority } from "../authority.ts";
import { valuesOf, withoutRepeats } from "./singleValueHeaders.ts";

export interface AccessOptions {
  host: string;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
  /** Returns an option's name as the user knows it: a setting or a flag. */
  nameOf: (option: "allowedHosts" | "allowedOrigins") => string;
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
/** Always resolves to the loopback interface (RFC 6761, 6.3). */
const LOOPBACK_SUFFIX = ".localhost";
/** Absolute form of a request target, as sent to proxies. */
const ABSOLUTE_TARGET = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is;

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Rejects requests from web pages: a foreign `Host` indicates DNS rebinding, a foreign `Origin` a page's script. */
export function checkHostAndOrigin(options: AccessOptions, logger: Logger): Middleware {
  const { allowedOrigins, nameOf } = options;
  const foreign = (origin: string) => originNotAllowed(printable(origin), nameOf("allowedOrigins"));
  const isOurs = createHostCheck(options, logger);
  return async (context, next) => {
    checkHost(context, isOurs, nameOf("allowedHosts"));
    // pages must not read or embed even the responses that need no key
    context.set({ "cross-origin-resource-policy": "same-origin", "x-content-type-options": "nosniff" });
    const origins = [...new Set(valuesOf(context.req.rawHeaders, "origin"))];
    const [origin = ""] = origins;
    if (origins.length === 0) return next();
    if (origins.length > 1 || origin === "") throw foreign(origins.join(", "));
    if (!allowedOrigins.includes(origin) && !allowedOrigins.includes("*")) throw foreign(origin);
    setCorsHeaders(context, origin);
    if (context.method === "OPTIONS") {
      context.status = 204;
      return;
    }
    await next();
  };
}

/**
 * Requires one `Host`, and the same host in an absolute request target (RFC 9112, 3.2.2), which it reduces to its path.
 */
function checkHost(context: Context, isOurs: (host: Authority) => boolean, setting: string): void {
  const [host, ...others] = valuesOf(context.req.rawHeaders, "host");
  if (host === undefined || others.length > 0) throw invalidRequest("A request must have exactly one Host header.");
  const authority = parseAuthority(host);
  if (!authority || !isOurs(authority)) throw hostNotAllowed(printable(host), setting);
  // for a fragment or `*`, Koa would fall back to Node's deprecated `url.parse`
  if (context.url.includes("#")) throw invalidRequest("The request target must not have a fragment ('#').");
  if (context.url === "*") context.url = "/*";
  if (context.url.startsWith("/")) return;
  const [, scheme = "", target = "", path = ""] = ABSOLUTE_TARGET.exec(context.url) ?? [];
  if (scheme.toLowerCase() !== "http") throw invalidRequest("The request target must be a path or an http:// URL.");
  const { name, port } = parseAuthority(target) ?? {};
  if (name !== authority.name || port !== authority.port) throw targetNotAllowed(printable(target));
  context.url = path.startsWith("/") ? path : `/${path}`;
}

/** Accepts loopback names with any port: a tunnel changes the port, and DNS rebinding needs a foreign name. */
function createHostCheck({ host, allowedHosts }: AccessOptions, logger: Logger): (host: Authority) => boolean {
  // on other interfaces a key is required, and the machine's names are unknown
  if (!isLoopback(host)) return () => true;
  const configured = allowedHosts.filter((entry) => entry.trim() !== "");
  const allowed = [...LOOPBACK_NAMES, host, ...configured].flatMap((entry) => {
    const authority = parseAuthority(isIPv6(entry) ? `[${entry}]` : entry);
    if (!authority) logger.warn(`Ignoring the allowed host '${printable(entry)}': use name or name:port.`);
    return authority ?? [];
  });
  return ({ name, port }) =>
    name.endsWith(LOOPBACK_SUFFIX) ||
    allowed.some((entry) => entry.name === name && (entry.port === undefined || entry.port === port));
}

function setCorsHeaders(context: Context, origin: string): void {
  context.vary("Origin");
  context.set({
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "request-id, retry-after, x-should-retry, claude-virtual-api-token-count",
  });
  if (context.method !== "OPTIONS") return;
  context.set({
    "access-control-allow-methods": "GET, POST, DELETE, HEAD",
    "access-control-allow-headers": context.get("access-control-request-headers"),
    "access-control-max-age": "600",
  });
  if (context.get("access-control-request-private-network"))
    context.set("access-control-allow-private-network", "true");
}

/** Requires a key in `x-api-key`, else as a Bearer token. Accepts any key if none is configured. */
export function authenticate(apiKey: string | undefined): Middleware {
  // `singleValueHeaders` changes the client's key in the same way
  const expected = apiKey === undefined ? undefined : digest(withoutRepeats(apiKey));
  return async (context, next) => {
    const bearer = /^Bearer\s+(.+)$/i.exec(context.get("authorization"))?.[1];
    const key = context.get("x-api-key") || bearer;
    if (!key) throw missingKey();
    if (expected && !timingSafeEqual(expected, digest(key))) throw wrongKey();
    acceptRequest(context);
    await next();
  };
}

/** Sends `100 Continue` to a client that waits for it before it sends the body. */
function acceptRequest({ req, res }: Context): void {
  if (req instanceof ApiRequest) req.isAuthenticated = true;
  if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
}

/** Digests have equal length, so the comparison does not reveal the key's. */
function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
