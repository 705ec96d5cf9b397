import { lookup } from "node:dns/promises";
import { get } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { resolvesWithin } from "../shared/resolvesWithin.ts";

/** Where this server listens, or would listen. */
export interface OwnAddress {
  host: string;
  port: number;
}

/** Milliseconds for a look: a program on this machine answers within a few. */
const PROBE_TIMEOUT_MS = 1000;
/** Bytes read of an answer. */
const MAX_ANSWER_BYTES = 64 * 1024;
const SERVICE_NAME = "claude-virtual-api";

/** The loopback interface, and the unspecified addresses, which connect to it. */
const LOOPBACK_ADDRESSES = new BlockList();
LOOPBACK_ADDRESSES.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK_ADDRESSES.addSubnet("0.0.0.0", 8, "ipv4");
LOOPBACK_ADDRESSES.addAddress("::1", "ipv6");
LOOPBACK_ADDRESSES.addAddress("::", "ipv6");

/**
 * Whether a base URL leads to a Claude Virtual API on this machine: to the one that listens, or would listen, at `own`, or
 * to another one, which is asked. Sends no key, and nothing to other machines. HTTPS is left out, since no server of ours
 * speaks it.
 */
export async function pointsToVirtualApi(text: string, own: OwnAddress | undefined): Promise<boolean> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:") return false;
  const port = Number(url.port || 80);
  const addresses = (await addressesOf(url.hostname)).filter(isOfThisMachine);
  if (own?.port === port && addresses.some((address) => isCovered(address, own.host))) return true;
  // a relay may hand on only what is below a path
  const below = url.pathname.replace(/\/+(v1\/*)?$/, "/");
  const probes = addresses.flatMap((host) => [...new Set(["/", below])].map((path) => probeService(host, port, path)));
  return (await Promise.all(probes)).includes(SERVICE_NAME);
}

/** Whether a server that listens on `host` has this address of the machine, too. */
function isCovered(address: string, host: string): boolean {
  const isWildcard = host === "0.0.0.0" || host === "::";
  const isLoopbackHost = host === "localhost" || isLoopback(host);
  return address === host || isWildcard || (isLoopbackHost && isLoopback(address));
}

/** The addresses that a host of a URL stands for; none where that is not known in time. */
async function addressesOf(hostname: string): Promise<string[]> {
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (isIP(host)) return [host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host];
  // whatever a resolver says of these names (RFC 6761, 6.3)
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

/**
 * The service that an HTTP server names at a path, if it names one. Not at `/health`, where some gateways call every
 * model that they know.
 */
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
