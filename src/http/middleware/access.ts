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
  /** The address that is listened on. */
  host: string;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
  /** Names an option in the words of the user's door. */
  nameOf: (option: "allowedHosts" | "allowedOrigins") => string;
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
/** Names that mean the loopback interface wherever they are resolved (RFC 6761, 6.3). */
const LOOPBACK_SUFFIX = ".localhost";
/** The absolute form of a request target, which HTTP clients send to what they take for a proxy. */
const ABSOLUTE_TARGET = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is;

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Refuses requests that a web page made the browser send: a foreign `Host` means that some name was rebound to this
 * address, a foreign `Origin` that a page is calling. Origins on the list are answered with CORS headers.
 */
export function sameMachine(options: AccessOptions, logger: Logger): Middleware {
  const { allowedOrigins, nameOf } = options;
  const foreign = (origin: string) => originNotAllowed(printable(origin), nameOf("allowedOrigins"));
  const isOurs = hostCheck(options, logger);
  return async (context, next) => {
    checkHost(context, isOurs, nameOf("allowedHosts"));
    // for answers that need no key: a page may neither read them nor embed them
    context.set({ "cross-origin-resource-policy": "same-origin", "x-content-type-options": "nosniff" });
    const origins = [...new Set(valuesOf(context.req.rawHeaders, "origin"))];
    const [origin = ""] = origins;
    if (origins.length === 0) return next();
    if (origins.length > 1 || origin === "") throw foreign(origins.join(", "));
    if (!allowedOrigins.includes(origin) && !allowedOrigins.includes("*")) throw foreign(origin);
    allowOrigin(context, origin);
    if (context.method === "OPTIONS") {
      context.status = 204;
      return;
    }
    await next();
  };
}

/**
 * Checks the one `Host`, and the host in the request target, which must be the same (RFC 9112, 3.2.2). Leaves the path
 * and the query in `context.url`. `X-Forwarded-Host` counts for nothing.
 */
function checkHost(context: Context, isOurs: (host: Authority) => boolean, setting: string): void {
  const [host, ...others] = valuesOf(context.req.rawHeaders, "host");
  if (host === undefined || others.length > 0) throw invalidRequest("A request must have exactly one Host header.");
  const authority = parseAuthority(host);
  if (!authority || !isOurs(authority)) throw hostNotAllowed(printable(host), setting);
  // with either, Koa's parser falls back on Node's deprecated `url.parse`
  if (context.url.includes("#")) throw invalidRequest("The request target must not have a fragment ('#').");
  if (context.url === "*") context.url = "/*";
  if (context.url.startsWith("/")) return;
  const [, scheme = "", target = "", path = ""] = ABSOLUTE_TARGET.exec(context.url) ?? [];
  if (scheme.toLowerCase() !== "http")
    throw invalidRequest("The request target must be a path, or begin with http://.");
  const { name, port } = parseAuthority(target) ?? {};
  if (name !== authority.name || port !== authority.port) throw targetNotAllowed(printable(target));
  context.url = path.startsWith("/") ? path : `/${path}`;
}

/**
 * Which hosts are this server. A loopback name may come with any port, since a tunnel or a forwarded port has its own
 * at the client's end, and a page that rebinds needs a foreign name, whatever the port.
 */
function hostCheck({ host, allowedHosts }: AccessOptions, logger: Logger): (host: Authority) => boolean {
  // beyond the loopback a key is needed anyway, and the names of this machine are not known
  if (!isLoopback(host)) return () => true;
  const configured = allowedHosts.filter((entry) => entry.trim() !== "");
  const allowed = [...LOOPBACK_NAMES, host, ...configured].flatMap((entry) => {
    const authority = parseAuthority(isIPv6(entry) ? `[${entry}]` : entry);
    if (!authority) logger.warn(`The allowed host '${printable(entry)}' is ignored: use name, or name:port.`);
    return authority ?? [];
  });
  return ({ name, port }) =>
    name.endsWith(LOOPBACK_SUFFIX) ||
    allowed.some((entry) => entry.name === name && (entry.port === undefined || entry.port === port));
}

function allowOrigin(context: Context, origin: string): void {
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

/** Asks for a key in `x-api-key`, which counts first, or as a Bearer token; any will do when none is configured. */
export function authenticate(apiKey: string | undefined): Middleware {
  // as `oneValue` leaves what clients send
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

/** From here on the body is read; a client that waits to be asked for it is asked. */
function acceptRequest({ req, res }: Context): void {
  if (req instanceof ApiRequest) req.isAuthenticated = true;
  if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
}

/** Digests are of one length, so that comparing them tells nothing of the key's. */
function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
