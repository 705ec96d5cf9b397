import { createHmac, timingSafeEqual } from "node:crypto";

/** A VS Code window sends random text in the first header; the server answers with its proof in the second. */
export const CHALLENGE_HEADER = "claude-virtual-api-challenge";
export const PROOF_HEADER = "claude-virtual-api-proof";

/** File in the data directory that holds the secret in hexadecimal. */
export const SECRET_FILE = "secret";
export const SECRET_BYTES = 32;

export interface ConnectionEnds {
  server: End;
  client: End;
}

interface End {
  address: string | undefined;
  port: number | undefined;
}

/** Returns undefined for text that is not a secret, such as an empty file. */
export function parseSecret(text: string): Buffer | undefined {
  const hex = text.trim();
  return hex.length === 2 * SECRET_BYTES && /^[0-9a-f]+$/.test(hex) ? Buffer.from(hex, "hex") : undefined;
}

export function isChallenge(text: string): boolean {
  return /^[\w-]{32,128}$/.test(text);
}

/**
 * The proof covers both ends of the connection, so that no program can obtain it by relaying the challenge to our
 * server.
 */
export function proofOf(secret: Buffer, challenge: string, { server, client }: ConnectionEnds): string {
  const ends = [server, client].flatMap(({ address, port }) => [withoutMappedPrefix(address), port]);
  const message = ["claude-virtual-api server", challenge, ...ends].join("\n");
  return createHmac("sha256", secret).update(message).digest("hex");
}

/** Undoes the IPv6 form in which a dual-stack socket reports an IPv4 address. */
function withoutMappedPrefix(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:/, "");
}

export function isSameProof(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
