import { randomUUID } from "node:crypto";

export function newApiKey(): string {
  return `cva-${randomUUID()}`;
}
