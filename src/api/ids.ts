import { randomInt } from "node:crypto";

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** A new id in Anthropic's form: the prefix, then 24 base58 characters. */
export function newId(prefix: "req" | "file" | "msgbatch"): string {
  let id = `${prefix}_`;
  for (let i = 0; i < 24; i++) id += BASE58[randomInt(BASE58.length)];
  return id;
}
