import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { keepText } from "../../api/exactJson.ts";
import { ALWAYS_CHEAP_BYTES, isCheapToParse, MAX_PARSED_VALUES } from "../../api/parseCost.ts";
import { tryParseJson } from "../../api/tryParseJson.ts";
import { readChunks } from "../../shared/chunks.ts";
import { EventLoopBudget } from "../../shared/eventLoopBudget.ts";
import { LineSplitter } from "../../shared/lines.ts";
import { EncodedJson } from "./encodedJson.ts";

/** One line of the CLI's stream-json protocol, in either direction. */
export interface CliMessage {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol belongs to the CLI and grows with it
  [field: string]: any;
}

/** A content block must fit into the next request, which may have 32 MB. */
const MAX_MESSAGE_BYTES = 40 * 1024 * 1024;
/** Shorter lines are parsed even if they repeat an answer. */
const MIN_REPEAT_BYTES = 64 * 1024;
/** Longer than the log shows, so that the log can cut at a space. */
const MAX_STRAY_BYTES = 8192;

const OPENING_BRACE = 0x7b;
/** Messages that repeat an answer already sent as events. */
const REPEATED_TYPES = [Buffer.from('{"type":"assistant",'), Buffer.from('{"type":"user",')];
/** Repeated messages to parse anyway. Inside a string, the quotes would be escaped. */
const KEPT_REPEATS = ['"is_api_error_message":true', '"type":"fallback"'];

const EVENT_LINE_START = '{"type":"stream_event"';
const EVENT_FIELD = ',"event":';
/** How it usually ends; parsing that would take a tenth of the CPU time. */
const EVENT_LINE_END = /^,"session_id":"([\w-]+)","parent_tool_use_id":null,"uuid":"[\w-]+"\}$/;

export interface MessageReader {
  onMessage(message: CliMessage): Promise<void> | void;
  onStrayLine(line: string): void;
  budget?: EventLoopBudget;
}

/**
 * Reads the CLI's output to its end. Throws if a line is too long or has too many values. Synchronous where possible: a
 * promise for each line would cost more than parsing it.
 */
export function readMessages(
  output: Readable,
  { onMessage, onStrayLine, budget = new EventLoopBudget() }: MessageReader,
): Promise<void> {
  const splitter = new LineSplitter({ limit: MAX_MESSAGE_BYTES, overlong: "fail" });
  const takeLine = (line: Buffer): Promise<void> | void => {
    const message = line[0] === OPENING_BRACE ? parse(line.toString("utf8")) : undefined;
    if (message) return onMessage(message);
    const text = line.toString("utf8", 0, MAX_STRAY_BYTES);
    if (text.trim() !== "") onStrayLine(text);
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

export function encode(message: CliMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** Like `encode`, in pieces to write back to back: encoded JSON is not copied. */
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
  const value = parseEvent(line) ?? tryParseJson(line);
  return typeof value?.type === "string" ? value : undefined;
}

/**
 * Parses the event and the fields around it separately, to keep the event's text. Undefined unless both are JSON, which
 * proves the split.
 */
function parseEvent(line: string): CliMessage | undefined {
  if (!line.startsWith(EVENT_FIELD, EVENT_LINE_START.length) || !line.startsWith(EVENT_LINE_START)) return undefined;
  // the fields after the event contain no objects
  const end = line.lastIndexOf("}", line.lastIndexOf("}") - 1) + 1;
  const text = line.slice(EVENT_LINE_START.length + EVENT_FIELD.length, end);
  const event = tryParseJson(text);
  const around = event && fieldsAround(line.slice(end));
  // an SSE client would take a carriage return for the end of the line
  if (!around || "event" in around || text.includes("\r")) return undefined;
  around.event = keepText(event, text);
  return around;
}

// biome-ignore lint/suspicious/noExplicitAny: the protocol belongs to the CLI and grows with it
function fieldsAround(tail: string): any {
  const usual = EVENT_LINE_END.exec(tail);
  return usual ? { type: "stream_event", session_id: usual[1] } : tryParseJson(EVENT_LINE_START + tail);
}
