import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, Middleware } from "koa";
import { foreignHost, foreignOrigin, missingKey, wrongKey } from "../../api/errors.ts";

export interface AccessOptions {
  /** The address that is listened on. */
  host: string;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Refuses requests that a web page made the browser send: a foreign `Host` means that some name was rebound to this
 * address, a foreign `Origin` that a page is calling. Origins on the list are answered with CORS headers.
 */
export function sameMachine({ host, allowedHosts, allowedOrigins }: AccessOptions): Middleware {
  const names = new Set([...LOOPBACK_NAMES, host, `[${host}]`, ...allowedHosts].map((name) => name.toLowerCase()));
  return async (context, next) => {
    const name = context.host.replace(/:\d+$/, "").toLowerCase();
    // beyond the loopback a key is needed anyway, and the names of this machine are not known
    if (isLoopback(host) && !names.has(name)) throw foreignHost(context.host);
    const origin = context.get("origin");
    if (origin === "") return next();
    if (!allowedOrigins.includes(origin) && !allowedOrigins.includes("*")) throw foreignOrigin(origin);
    allowOrigin(context, origin);
    if (context.method === "OPTIONS") {
      context.status = 204;
      return;
    }
    await next();
  };
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
  const expected = apiKey === undefined ? undefined : digest(apiKey);
  return async (context, next) => {
    const bearer = /^Bearer\s+(.+)$/i.exec(context.get("authorization"))?.[1];
    const key = context.get("x-api-key") || bearer;
    if (!key) throw missingKey();
    if (expected && !timingSafeEqual(expected, digest(key))) throw wrongKey();
    await next();
  };
}

/** Digests are of one length, so that comparing them tells nothing of the key's. */
function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
