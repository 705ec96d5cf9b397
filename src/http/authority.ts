import { isIPv4, isIPv6 } from "node:net";

/** A host and its port, in the one spelling that can be compared: small letters, IPv6 compressed in its brackets. */
export interface Authority {
  name: string;
  /** Undefined where the text has none. */
  port: number | undefined;
}

const AUTHORITY = /^(\[[0-9a-f:.]{2,45}\]|[\w.-]{1,253})(?::([1-9]\d{0,4}))?$/i;
const DNS_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** What a URL parser takes for an IPv4 address, in whatever spelling, by its last label. */
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/;

/**
 * Parses `host` or `host:port` and nothing else: no user, list, blank, percent sign, empty port or trailing dot.
 * Returns undefined for what is malformed.
 */
export function parseAuthority(text: string): Authority | undefined {
  const [, host, digits] = AUTHORITY.exec(text) ?? [];
  if (host === undefined) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  const name = host.startsWith("[") ? compressed(host) : host.toLowerCase();
  if (name === undefined || (port ?? 0) > 65_535) return undefined;
  return name.startsWith("[") || isName(name) ? { name, port } : undefined;
}

function compressed(host: string): string | undefined {
  return isIPv6(host.slice(1, -1)) ? new URL(`http://${host}`).hostname : undefined;
}

function isName(name: string): boolean {
  const labels = name.split(".");
  // 127.1, 0x7f.1 and 2130706433 are loopback addresses to some and names to others
  if (NUMERIC_LABEL.test(labels.at(-1) as string)) return isIPv4(name);
  return labels.every((label) => DNS_LABEL.test(label));
}
