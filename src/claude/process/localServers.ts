import { lookup } from "node:dns/promises";
import { get } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { resolvesWithin } from "../../shared/resolvesWithin.ts";

export interface OwnAddress {
  host: string;
  port: number;
}

/** A program on this machine answers within a few milliseconds. */
const PROBE_TIMEOUT_MS = 1000;
const MAX_ANSWER_BYTES = 64 * 1024;
const SERVICE_NAME = "claude-virtual-api";

/** Loopback addresses, and the unspecified addresses, which connect to loopback. */
const LOOPBACK_ADDRESSES = new BlockList();
LOOPBACK_ADDRESSES.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK_ADDRESSES.addSubnet("0.0.0.0", 8, "ipv4");
LOOPBACK_ADDRESSES.addAddress("::1", "ipv6");
LOOPBACK_ADDRESSES.addAddress("::", "ipv6");

/**
 * Whether a base URL points to a Claude Virtual API on this machine: to `own`, or to another server, which it asks.
 * Sends no key, and nothing to other machines. Ignores HTTPS, which no Claude Virtual API serves.
 */
export async function pointsToVirtualApi(text: string, own: OwnAddress | undefined): Promise<boolean> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:") return false;
  const port = Number(url.port || 80);
  const addresses = (await addressesOf(url.hostname)).filter(isOfThisMachine);
  if (own?.port === port && addresses.some((address) => isCovered(address, own.host))) return true;
  // a proxy may forward only requests below a path
  const below = url.pathname.replace(/\/+(v1\/*)?$/, "/");
  const probes = addresses.flatMap((host) => [...new Set(["/", below])].map((path) => probeService(host, port, path)));
  return (await Promise.all(probes)).includes(SERVICE_NAME);
}

/** Whether a server on `host` also receives requests to `address`. */
function isCovered(address: string, host: string): boolean {
  const isWildcard = host === "0.0.0.0" || host === "::";
  const isLoopbackHost = host === "localhost" || isLoopback(host);
  return address === host || isWildcard || (isLoopbackHost && isLoopback(address));
}

/** Resolves a URL's host; an empty list if that fails or takes too long. */
async function addressesOf(hostname: string): Promise<string[]> {
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (isIP(host)) return [host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host];
  // always loopback (RFC 6761, 6.3)
  if (host === "localhost" || host.endsWith(".localhost")) return ["127.0.0.1", "::1"];
  const resolving = lookup(host, { all: true }).catch(() => []);
  return (await resolvesWithin(PROBE_TIMEOUT_MS, resolving)) ? (await resolving).map(({ address }) => address) : [];
}

function isOfThisMachine(address: string): boolean {
  const interfaces = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return isLoopback(address) || interfaces.some((entry) => entry.address === address);
}

function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && LOOPBACK_ADDRESSES.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

/** The service that an HTTP server names. Not at `/health`, where some gateways call every model. */
function probeService(host: string, port: number, path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const request = get({ host, port, path, agent: false, signal }, async (answer) => {
      const parts: Buffer[] = [];
      let length = 0;
      try {
        for await (const part of answer) {
          parts.push(part as Buffer);
          length += (part as Buffer).length;
          if (length > MAX_ANSWER_BYTES) break;
        }
        resolve(JSON.parse(Buffer.concat(parts).toString("utf8"))?.service);
      } catch {
        resolve(undefined);
      }
    });
    request.on("error", () => resolve(undefined));
  });
}
