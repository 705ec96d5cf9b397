import { byteLines } from "../../shared/lines.ts";

/** Longest line read whole: the CLI quotes an upstream error in one line. */
const MAX_LINE_BYTES = 1024 * 1024;
/** A normal request logs about 10 KB, and upstream's error message twice. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
/** A normal request logs about a hundred lines. */
const MAX_REQUEST_LINES = 20_000;

const NEWLINE = Buffer.from("\n");

/**
 * Whether a line belongs to the SDK's log, whose headers may contain a user's credential. Without the SDK's name, it
 * belongs to a call outside the turn.
 */
export const isSdkLog = (line: string): boolean => /^(\[Anthropic SDK |\[log_\w+[\],]|\s+(?!at )\S|\}$)/.test(line);

/** Reads stderr in lines. Cuts long lines, and drops excess output until the next request. */
export class StderrReader {
  readonly #chunks: AsyncIterable<Buffer>;
  readonly #onDrop: () => void;
  #bytes = 0;
  #lines = 0;

  constructor(chunks: AsyncIterable<Buffer>, onDrop: () => void) {
    this.#chunks = chunks;
    this.#onDrop = onDrop;
  }

  reset(): void {
    this.#bytes = 0;
    this.#lines = 0;
  }

  async *lines(): AsyncGenerator<string> {
    const bounds = { limit: MAX_LINE_BYTES, overlong: "cut" } as const;
    for await (const line of byteLines(this.#bounded(), bounds)) {
      this.#lines += 1;
      yield line.toString("utf8");
    }
  }

  async *#bounded(): AsyncGenerator<Buffer> {
    let cut = false;
    for await (const chunk of this.#chunks) {
      this.#bytes += chunk.length;
      const drop = this.#bytes > MAX_REQUEST_BYTES || this.#lines > MAX_REQUEST_LINES;
      if (drop && !cut) this.#onDrop();
      // ends the line in which dropping began
      if (drop !== cut) yield NEWLINE;
      if (!drop) yield chunk;
      cut = drop;
    }
  }
}
