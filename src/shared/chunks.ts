import { finished, type Readable } from "node:stream";

/**
 * Reads a stream to its end. `take` returns a promise where the next chunk has to wait; an iterator would make one for each.
 * Rejects when the stream breaks off or `take` fails, and then destroys the stream.
 */
export function readChunks(stream: Readable, take: (chunk: Buffer) => Promise<void> | void): Promise<void> {
  return new Promise((resolve, reject) => {
    let isTaking = false;
    let hasEnded = false;
    const fail = (error: Error) => {
      stream.destroy();
      reject(error);
    };
    finished(stream, { writable: false }, (error) => {
      if (error) return fail(error);
      hasEnded = true;
      if (!isTaking) resolve();
    });
    const taken = () => {
      isTaking = false;
      if (hasEnded) resolve();
      else stream.resume();
    };
    stream.on("data", (chunk: Buffer) => {
      try {
        const waits = take(chunk);
        if (!waits) return;
        isTaking = true;
        stream.pause();
        waits.then(taken, fail);
      } catch (error) {
        fail(error as Error);
      }
    });
  });
}
