import { finished, type Readable } from "node:stream";

/** Milliseconds between two chunks that count as a quick succession. */
const BURST_GAP_MS = 8;
/** Quick chunks in a row after which further ones are gathered: those of a short answer are not. */
const BURST_CHUNK_COUNT = 20;
/** Milliseconds for which chunks are gathered. */
const GATHER_MS = 5;

/**
 * Reads a stream to its end. `take` returns a promise where the next chunk has to wait; an iterator would make one for each.
 * Many chunks in quick succession are gathered, since to wake up for each would cost more than what is done with it.
 * Rejects when the stream breaks off or `take` fails, and then destroys the stream.
 */
export function readChunks(stream: Readable, take: (chunk: Buffer) => Promise<void> | void): Promise<void> {
  return new Promise((resolve, reject) => {
    const succession = new BurstDetector();
    let isWaiting = false;
    let hasEnded = false;
    const fail = (error: Error) => {
      stream.destroy();
      reject(error);
    };
    finished(stream, { writable: false }, (error) => {
      if (error) return fail(error);
      hasEnded = true;
      if (!isWaiting) resolve();
    });
    const goOn = () => {
      isWaiting = false;
      if (hasEnded) return resolve();
      // emits all that is there as one chunk, which a stream that flows does not
      stream.read();
      if (!isWaiting) stream.resume();
    };
    stream.on("data", (chunk: Buffer) => {
      try {
        const waits = take(chunk) ?? succession.pause();
        if (!waits) return;
        isWaiting = true;
        stream.pause();
        waits.then(goOn, fail);
      } catch (error) {
        fail(error as Error);
      }
    });
  });
}

/** Tells chunks in quick succession from others. */
class BurstDetector {
  #lastAt = Number.NEGATIVE_INFINITY;
  #quick = 0;

  /** Call for each chunk; returns a promise where others are to be gathered behind it. */
  pause(): Promise<void> | undefined {
    const now = performance.now();
    this.#quick = now - this.#lastAt < BURST_GAP_MS ? this.#quick + 1 : 0;
    this.#lastAt = now;
    if (this.#quick < BURST_CHUNK_COUNT) return undefined;
    return new Promise((resolve) => setTimeout(resolve, GATHER_MS));
  }
}
