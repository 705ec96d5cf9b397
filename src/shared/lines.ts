import { EventLoopBudget } from "./eventLoopBudget.ts";

const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);

/** Far above the longest line of a stored file, far below what would exhaust memory. */
export const MAX_LINE_BYTES = 256 * 1024 * 1024;

/** For lines over `limit` bytes, `fail` throws `LineTooLong` and `cut` drops the rest of the line. */
export interface LineBounds {
  limit: number;
  overlong: "fail" | "cut";
}

class LineTooLong extends Error {
  constructor(limit: number) {
    super(`A line is longer than ${limit} bytes.`);
    this.name = "LineTooLong";
  }
}

/**
 * Splits bytes into lines at 0x0A only. `node:readline` also splits at U+2028, which is legal inside JSON strings.
 * Drops an unterminated last line, because it may be incomplete.
 */
export class LineSplitter {
  readonly #pending: PendingLine;

  constructor(bounds: LineBounds) {
    this.#pending = new PendingLine(bounds);
  }

  /** Yields the lines that end in this chunk. Consume them before adding the next chunk. */
  *add(chunk: Buffer): Generator<Buffer, void, undefined> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      yield this.#pending.end(chunk.subarray(from, at));
      from = at + 1;
    }
    if (from < chunk.length) this.#pending.add(chunk.subarray(from));
  }
}

/** Yields the lines of a stream. Lets the event loop run whenever `budget` is spent. */
export async function* byteLines(
  chunks: AsyncIterable<Buffer>,
  bounds: LineBounds,
  budget = new EventLoopBudget(),
): AsyncGenerator<Buffer> {
  const splitter = new LineSplitter(bounds);
  for await (const chunk of chunks) {
    for (const line of splitter.add(chunk)) {
      yield line;
      if (budget.isSpent) await budget.nextTurn();
    }
  }
}

/** Yields the lines of a stream as text. Throws `LineTooLong` for a line over `limit` bytes. */
export async function* splitLines(chunks: AsyncIterable<Buffer>, limit = MAX_LINE_BYTES): AsyncGenerator<string> {
  for await (const line of byteLines(chunks, { limit, overlong: "fail" })) yield line.toString("utf8");
}

/** An unterminated line, kept in one buffer because a list of one-byte chunks would take far more memory. */
class PendingLine {
  readonly #bounds: LineBounds;
  #bytes: Buffer = EMPTY;
  #size = 0;

  constructor(bounds: LineBounds) {
    this.#bounds = bounds;
  }

  add(chunk: Buffer): void {
    const part = this.#bounded(chunk);
    const size = this.#size + part.length;
    if (size > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.min(Math.max(size, 2 * this.#bytes.length), this.#bounds.limit));
      this.#bytes.copy(grown, 0, 0, this.#size);
      this.#bytes = grown;
    }
    part.copy(this.#bytes, this.#size);
    this.#size = size;
  }

  end(last: Buffer): Buffer {
    if (this.#size === 0) return this.#bounded(last);
    this.add(last);
    const line = this.#bytes.subarray(0, this.#size);
    this.#bytes = EMPTY;
    this.#size = 0;
    return line;
  }

  #bounded(part: Buffer): Buffer {
    const { limit, overlong } = this.#bounds;
    const room = limit - this.#size;
    if (part.length <= room) return part;
    if (overlong === "fail") throw new LineTooLong(limit);
    return part.subarray(0, room);
  }
}
