import { open } from "node:fs/promises";
import { byteLines, MAX_LINE_BYTES } from "../shared/lines.ts";

/** A line of a JSONL file, and the offset of the first byte after it. */
export interface JsonLine<T> {
  value: T;
  end: number;
}

/** Parses a JSONL file line by line. Skips an unterminated last line, which was not written completely. */
export async function* readJsonLines<T>(
  path: string,
  parse: (line: Buffer) => unknown = (line) => JSON.parse(line.toString("utf8")),
): AsyncGenerator<JsonLine<T>, void, undefined> {
  let end = 0;
  for await (const line of storedLines(path)) {
    end += line.length + 1;
    yield { value: (await parse(line)) as T, end };
  }
}

/** Yields the lines of a stored file. */
export function storedLines(path: string): AsyncGenerator<Buffer> {
  return byteLines(readInChunks(path), { limit: MAX_LINE_BYTES, overlong: "fail" });
}

/** Bytes per read, which stay in memory while the reader waits. */
const CHUNK_BYTES = 32 * 1024;

/** Reads a file but closes it between two reads, so that thousands of waiting readers hold no file handles. */
async function* readInChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  for (let offset = 0; ; ) {
    const chunk = await readChunk(path, offset);
    if (chunk.length === 0) return;
    offset += chunk.length;
    yield chunk;
  }
}

async function readChunk(path: string, offset: number): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, offset);
  return buffer.subarray(0, bytesRead);
}
