import { isIPv4, isIPv6 } from "node:net";

/** A host and port in canonical form: lower case, and IPv6 compressed in brackets. */
export interface Authority {
  name: string;
  /** Undefined if there is none. */
  port: number | undefined;
}

const AUTHORITY = /^(\[[0-9a-f:.]{2,45}\]|[\w.-]{1,253})(?::([1-9]\d{0,4}))?$/i;
const DNS_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** Last label of a host that URL parsers take for an IPv4 address. */
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/;

/**
 * Parses `host` or `host:port`. Returns undefined for anything else, including a user, list, blank, percent sign, empty
 * port or trailing dot.
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
