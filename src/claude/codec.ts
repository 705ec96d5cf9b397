import { randomUUID } from "node:crypto";
import { hasFewValues, MAX_PARSED_VALUES } from "../api/fewValues.ts";
import { byteLines } from "../shared/lines.ts";
import type { TurnBudget } from "../shared/turnBudget.ts";
import { EncodedJson } from "./encodedJson.ts";

/** A line of the CLI's stream-json protocol, in either direction; fields beyond `type` depend on it. */
export interface CliMessage {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol belongs to the CLI and grows with it
  [field: string]: any;
}

/**
 * The longest line of the CLI: a content block of an answer must fit into the next request, which may have 32 MB.
 * Nothing of a request comes back.
 */
export const MAX_MESSAGE_BYTES = 40 * 1024 * 1024;
/** Shorter lines are parsed whatever they are. */
const REPEATING_BYTES = 64 * 1024;
/** Bytes of a line that is no message which are passed on: more than the log shows, so that the log cuts at a blank. */
const STRAY_BYTES = 8192;

const OPENING_BRACE = 0x7b;
/** Lines that repeat an answer whose events came before. */
const REPEATING = [Buffer.from('{"type":"assistant",'), Buffer.from('{"type":"user",')];
/** Such a line is read only if it has one of these; inside a string the quotes would be escaped. */
const NEEDED = ['"is_api_error_message":true', '"type":"fallback"'];

/**
 * The messages in the CLI's output; a line that is no JSON object is handed to `stray`, cut, and passed over. Throws where
 * a line is too long or holds too many values.
 */
export async function* messages(
  chunks: AsyncIterable<Buffer>,
  stray: (line: string) => void,
  budget?: TurnBudget,
): AsyncGenerator<CliMessage> {
  for await (const line of byteLines(chunks, { limit: MAX_MESSAGE_BYTES, overlong: "fail" }, budget)) {
    if (isRepetition(line)) continue;
    const message = line[0] === OPENING_BRACE ? await parse(line) : undefined;
    if (message) yield message;
    else {
      const text = line.toString("utf8", 0, STRAY_BYTES);
      if (text.trim() !== "") stray(text);
    }
  }
}

/** One message as a line for the CLI's stdin. */
export function encode(message: CliMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** As `encode`, in pieces to write one after the other: encoded JSON in the message is not copied. */
export function encodePieces(message: CliMessage): (string | Uint8Array)[] {
  const encoded: EncodedJson[] = [];
  const marker = randomUUID();
  const json = JSON.stringify(message, (_key, value) => {
    if (!(value instanceof EncodedJson)) return value;
    encoded.push(value);
    return marker;
  });
  const [first = "", ...rest] = `${json}\n`.split(`"${marker}"`);
  return [first, ...rest.flatMap((piece, index) => [(encoded[index] as EncodedJson).literal, piece])];
}

function isRepetition(line: Buffer): boolean {
  if (line.length < REPEATING_BYTES) return false;
  const repeats = REPEATING.some((head) => line.subarray(0, head.length).equals(head));
  return repeats && !NEEDED.some((needed) => line.includes(needed));
}

async function parse(line: Buffer): Promise<CliMessage | undefined> {
  if (!(await hasFewValues(line))) throw new Error(`A line holds more than ${MAX_PARSED_VALUES} values.`);
  try {
    const value = JSON.parse(line.toString("utf8"));
    return typeof value?.type === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
