import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { rememberText } from "../api/exactJson.ts";
import { ALWAYS_CHEAP_BYTES, isCheapToParse, MAX_PARSED_VALUES } from "../api/parseCost.ts";
import { readChunks } from "../shared/chunks.ts";
import { LineSplitter } from "../shared/lines.ts";
import { TurnBudget } from "../shared/turnBudget.ts";
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
const MIN_REPEAT_BYTES = 64 * 1024;
/** Bytes of a line that is no message which are passed on: more than the log shows, so that the log cuts at a blank. */
const MAX_STRAY_BYTES = 8192;

const OPENING_BRACE = 0x7b;
/** Lines that repeat an answer whose events came before. */
const REPEATED_TYPES = [Buffer.from('{"type":"assistant",'), Buffer.from('{"type":"user",')];
/** Such a line is read only if it has one of these; inside a string the quotes would be escaped. */
const KEPT_REPEATS = ['"is_api_error_message":true', '"type":"fallback"'];

/** How lines with upstream's events begin. */
const EVENT_LINE_START = '{"type":"stream_event"';
const EVENT_FIELD = ',"event":';
/** And how they end as a rule: to parse that for each event would cost a tenth of our CPU. */
const EVENT_LINE_END = /^,"session_id":"([\w-]+)","parent_tool_use_id":null,"uuid":"[\w-]+"\}$/;

export interface MessageReader {
  /** Takes a message; all later ones wait until it resolves. */
  heard(message: CliMessage): Promise<void> | void;
  /** Takes a line that is no message, cut. */
  stray(line: string): void;
  /** Lets the event loop turn when it is spent. */
  budget?: TurnBudget;
}

/**
 * Reads the CLI's output to its end. Throws where a line is too long or holds too many values. Waits only where it has to,
 * since a promise for each line would cost more than its parsing.
 */
export function readMessages(
  output: Readable,
  { heard, stray, budget = new TurnBudget() }: MessageReader,
): Promise<void> {
  const splitter = new LineSplitter({ limit: MAX_MESSAGE_BYTES, overlong: "fail" });
  const takeLine = (line: Buffer): Promise<void> | void => {
    const message = line[0] === OPENING_BRACE ? parse(line.toString("utf8")) : undefined;
    if (message) return heard(message);
    const text = line.toString("utf8", 0, MAX_STRAY_BYTES);
    if (text.trim() !== "") stray(text);
  };
  const takeAll = (lines: Iterator<Buffer, void>): Promise<void> | void => {
    for (let next = lines.next(); !next.done; next = lines.next()) {
      const line = next.value;
      if (isRepetition(line)) continue;
      const taken =
        line.length > ALWAYS_CHEAP_BYTES ? requireCheapToParse(line).then(() => takeLine(line)) : takeLine(line);
      if (taken) return taken.then(() => takeAll(lines));
      if (budget.isSpent) return budget.nextTurn().then(() => takeAll(lines));
    }
  };
  return readChunks(output, (chunk) => takeAll(splitter.add(chunk)));
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
  if (line.length < MIN_REPEAT_BYTES) return false;
  const repeats = REPEATED_TYPES.some((head) => line.subarray(0, head.length).equals(head));
  return repeats && !KEPT_REPEATS.some((needed) => line.includes(needed));
}

async function requireCheapToParse(line: Buffer): Promise<void> {
  if (line[0] !== OPENING_BRACE || (await isCheapToParse(line))) return;
  throw new Error(`A line holds more than ${MAX_PARSED_VALUES} values.`);
}

function parse(line: string): CliMessage | undefined {
  const value = parseEvent(line) ?? parsed(line);
  return typeof value?.type === "string" ? value : undefined;
}

/**
 * Parses a line with an event in two parts, the event and the fields around it, and remembers the text of the event.
 * Returns undefined where the parts are not each JSON, which proves that the event was cut out right.
 */
function parseEvent(line: string): CliMessage | undefined {
  if (!line.startsWith(EVENT_FIELD, EVENT_LINE_START.length) || !line.startsWith(EVENT_LINE_START)) return undefined;
  // the fields after the event have no objects in them
  const end = line.lastIndexOf("}", line.lastIndexOf("}") - 1) + 1;
  const text = line.slice(EVENT_LINE_START.length + EVENT_FIELD.length, end);
  const event = parsed(text);
  const around = event && fieldsAround(line.slice(end));
  // a line feed of `data:` could only be a carriage return here
  if (!around || "event" in around || text.includes("\r")) return undefined;
  around.event = rememberText(event, text);
  return around;
}

// biome-ignore lint/suspicious/noExplicitAny: the protocol belongs to the CLI and grows with it
function fieldsAround(tail: string): any {
  const usual = EVENT_LINE_END.exec(tail);
  return usual ? { type: "stream_event", session_id: usual[1] } : parsed(EVENT_LINE_START + tail);
}

// biome-ignore lint/suspicious/noExplicitAny: the protocol belongs to the CLI and grows with it
function parsed(json: string): any {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
