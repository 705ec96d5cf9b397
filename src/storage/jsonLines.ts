import { createReadStream } from "node:fs";
import { lines } from "../shared/lines.ts";

/** A line of a JSONL file, and the offset of the first byte after it. */
export interface JsonLine<T> {
  value: T;
  end: number;
}

/** Reads a JSONL file line by line; a last line without its newline was never written whole, and is left out. */
export async function* readJsonLines<T>(path: string): AsyncGenerator<JsonLine<T>, void, undefined> {
  let end = 0;
  for await (const line of lines(createReadStream(path))) {
    end += Buffer.byteLength(line) + 1;
    yield { value: JSON.parse(line), end };
  }
}
