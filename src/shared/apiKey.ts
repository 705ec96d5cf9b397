import { randomUUID } from "node:crypto";

/** A new key that clients must send. */
export function newApiKey(): string {
  return `cva-${randomUUID()}`;
}
