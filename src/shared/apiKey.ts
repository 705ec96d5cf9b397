import { randomUUID } from "node:crypto";

/** Creates a key that clients must send. */
export function newApiKey(): string {
  return `cva-${randomUUID()}`;
}
