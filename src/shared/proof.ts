import { createHmac, timingSafeEqual } from "node:crypto";

/** Request header with the random text that a window sends, and the response header with the server's proof. */
export const CHALLENGE_HEADER = "claude-virtual-api-challenge";
export const PROOF_HEADER = "claude-virtual-api-proof";

/** File in the data directory that holds the secret, in hexadecimal. */
export const SECRET_FILE = "secret";
export const SECRET_BYTES = 32;

/** Both ends of a connection, which either side sees. */
export interface ConnectionEnds {
  server: End;
  client: End;
}

interface End {
  address: string | undefined;
  port: number | undefined;
}

/** Undefined for a text that is no secret, such as that of an empty file. */
export function parseSecret(text: string): Buffer | undefined {
  const hex = text.trim();
  return hex.length === 2 * SECRET_BYTES && /^[0-9a-f]+$/.test(hex) ? Buffer.from(hex, "hex") : undefined;
}

export function isChallenge(text: string): boolean {
  return /^[\w-]{32,128}$/.test(text);
}

/**
 * Proves knowledge of the secret to a client that sent `challenge` over this connection. Both ends are part of it, because
 * a foreign program could pass the challenge on to one of our servers: to one elsewhere, or to one that has since taken
 * the port, which would see another client's end.
 */
export function proofOf(secret: Buffer, challenge: string, { server, client }: ConnectionEnds): string {
  const ends = [server, client].flatMap(({ address, port }) => [plain(address), port]);
  const message = ["claude-virtual-api server", challenge, ...ends].join("\n");
  return createHmac("sha256", secret).update(message).digest("hex");
}

/** A socket of both families shows an IPv4 address in its IPv6 form. */
function plain(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:/, "");
}

/** Compares two proofs in a time that does not depend on where they differ. */
export function isSameProof(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
