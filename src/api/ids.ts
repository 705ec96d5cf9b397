import { randomBytes } from "node:crypto";

type Prefix = "req" | "file" | "msgbatch";

const BASE58_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** Holds 128 bits. */
const ID_CHARACTERS = 22;
const ID_PATTERN = new RegExp(`^([a-z]+)_01([${BASE58_ALPHABET}]{${ID_CHARACTERS}})$`);
const UUID_V7 = /^([0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15}$/;

/**
 * A new id in Anthropic's form: the prefix, `01`, then a UUIDv7 in base58. Ids sort by creation time, so that a list
 * can continue after a deleted item.
 */
export function newId(prefix: Prefix, time = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(time, 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  let text = "";
  for (let rest = BigInt(`0x${bytes.toString("hex")}`); text.length < ID_CHARACTERS; rest /= 58n) {
    text = BASE58_ALPHABET.charAt(Number(rest % 58n)) + text;
  }
  return `${prefix}_01${text}`;
}

/** Creation time in milliseconds; undefined for ids of another form, such as those of old versions. */
export function timeIn(prefix: Prefix, id: string): number | undefined {
  const [, itsPrefix, text] = ID_PATTERN.exec(id) ?? [];
  if (itsPrefix !== prefix || text === undefined) return undefined;
  let value = 0n;
  for (const character of text) value = 58n * value + BigInt(BASE58_ALPHABET.indexOf(character));
  const time = UUID_V7.exec(value.toString(16).padStart(32, "0"))?.[1];
  return time === undefined ? undefined : Number.parseInt(time, 16);
}
