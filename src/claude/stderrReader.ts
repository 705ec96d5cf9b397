import { byteLines } from "../shared/lines.ts";

/** The longest line that is read whole: the CLI quotes upstream's words of an error in one. */
const MAX_LINE_BYTES = 1024 * 1024;
/** Bytes read for one request, which makes about 10 KB, and the words of an error twice. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
/** Lines read for one request, which makes about a hundred. */
const MAX_REQUEST_LINES = 20_000;

const NEWLINE = Buffer.from("\n");

/** The CLI's stderr in lines. Cuts long ones, and drops those beyond a bound until the next request. */
export class StderrReader {
  readonly #chunks: AsyncIterable<Buffer>;
  readonly #onDrop: () => void;
  #bytes = 0;
  #lines = 0;

  /** `onDrop` is called when the dropping begins. */
  constructor(chunks: AsyncIterable<Buffer>, onDrop: () => void) {
    this.#chunks = chunks;
    this.#onDrop = onDrop;
  }

  /** Starts the counts at 0 again. */
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
      // the line in which the dropping began ends here
      if (drop !== cut) yield NEWLINE;
      if (!drop) yield chunk;
      cut = drop;
    }
  }
}
