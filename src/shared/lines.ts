const NEWLINE = 0x0a;

/** Far above any line that is written here or by the CLI, far below what would exhaust memory. */
export const MAX_LINE_BYTES = 256 * 1024 * 1024;

/**
 * Splits bytes into lines at 0x0A alone: `node:readline` also splits at U+2028, which is legal inside JSON strings.
 * A line over `limit` bytes throws; a last line without its end is dropped, since it is not whole.
 */
export async function* lines(chunks: AsyncIterable<Buffer>, limit = MAX_LINE_BYTES): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  const take = (part: Buffer) => {
    parts.push(part);
    size += part.length;
    if (size > limit) throw new Error(`A line is longer than ${limit} bytes.`);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, at));
      yield parts.length === 1 ? (parts[0] as Buffer).toString("utf8") : Buffer.concat(parts).toString("utf8");
      parts = [];
      size = 0;
      from = at + 1;
    }
    if (from < chunk.length) take(chunk.subarray(from));
  }
}
