import { finished, type Readable } from "node:stream";

/** Two chunks less than this many milliseconds apart belong to one burst. */
const BURST_GAP_MS = 8;
/** Chunks of a burst that are passed on at once, so that short answers are not delayed. */
const BURST_CHUNK_COUNT = 20;
/** Milliseconds during which the further chunks of a burst are collected. */
const COLLECT_MS = 5;

/**
 * Reads a stream to its end. `take` may return a promise to delay the next chunk; an async iterator would create one
 * for every chunk. Collects the chunks of a long burst, because waking up for each costs more than handling it.
 */
export function readChunks(stream: Readable, take: (chunk: Buffer) => Promise<void> | void): Promise<void> {
  return new Promise((resolve, reject) => {
    const bursts = new BurstDetector();
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
    const resume = () => {
      isWaiting = false;
      if (hasEnded) return resolve();
      // a paused stream emits everything it has buffered as one chunk
      stream.read();
      if (!isWaiting) stream.resume();
    };
    stream.on("data", (chunk: Buffer) => {
      try {
        const ready = take(chunk) ?? bursts.pause();
        if (!ready) return;
        isWaiting = true;
        stream.pause();
        ready.then(resume, fail);
      } catch (error) {
        fail(error as Error);
      }
    });
  });
}

class BurstDetector {
  #lastAt = Number.NEGATIVE_INFINITY;
  #burstLength = 0;

  /** Call once per chunk. Returns a promise if the reader should pause to collect more chunks. */
  pause(): Promise<void> | undefined {
    const now = performance.now();
    this.#burstLength = now - this.#lastAt < BURST_GAP_MS ? this.#burstLength + 1 : 0;
    this.#lastAt = now;
    if (this.#burstLength < BURST_CHUNK_COUNT) return undefined;
    return new Promise((resolve) => setTimeout(resolve, COLLECT_MS));
  }
}
