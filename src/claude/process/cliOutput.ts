import type { Logger } from "../../shared/logger.ts";
import { resolvesWithin } from "../../shared/resolvesWithin.ts";
import { type CliMessage, readMessages } from "../protocol/codec.ts";
import type { CliProcess, Ending } from "./cliProcess.ts";
import { LineLog } from "./lineLog.ts";
import { isSdkLog, StderrReader } from "./stderrReader.ts";

/** Time to read what a process wrote before its end, unless more keeps coming. */
export const DRAIN_TIMEOUT_MS = 1000;
/** Time within which a process must end after closing its stdout. */
const MUTE_TIMEOUT_MS = 5000;

export interface CliOutputParts {
  process: CliProcess;
  logger: Logger;
  /** Later messages wait until it resolves. */
  onMessage(message: CliMessage): Promise<void> | void;
  onStderrLine(line: string): void;
  onStderrDropped(): void;
  /** Must end the process: its stdout is unreadable or closed. */
  onUnreadable(reason: string): void;
  /** True once no more output is expected. */
  isGivenUp(): boolean;
}

/** How a process ended. */
export interface LastOutput {
  ending: Ending;
  /** False if the end of its output may be lost. */
  isComplete: boolean;
}

/** Reads stdout and stderr of one CLI process until it ends. */
export class CliOutput {
  readonly #parts: CliOutputParts;
  readonly #stderr: StderrReader;
  readonly #strayLog: LineLog;
  readonly #stderrLog: LineLog;
  #isHeld = false;
  /** Resolves when the process has ended and its output was read. */
  readonly ended: Promise<LastOutput>;

  constructor(parts: CliOutputParts) {
    this.#parts = parts;
    const { process, logger } = parts;
    this.#stderr = new StderrReader(process.stderr, () => {
      logger.warn(`worker ${process.pid}: too much output on stderr; the rest is dropped until the next request`);
      parts.onStderrDropped();
    });
    this.#strayLog = new LineLog((line) => logger.debug(`worker ${process.pid}: ${line}`));
    this.#stderrLog = new LineLog((line) => logger.trace(`worker ${process.pid}: ${line}`));
    this.ended = this.#read();
  }

  /** True while a slow client holds up a message and all later ones. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Resets the output limits. Call before each request. */
  reset(): void {
    this.#stderr.reset();
    this.#stderrLog.reset();
    this.#strayLog.reset();
  }

  async #read(): Promise<LastOutput> {
    const { process, onUnreadable, isGivenUp } = this.#parts;
    const reading = this.#readMessages();
    const read = Promise.all([reading, this.#readStderr()]);
    // a CLI that has closed its stdout cannot answer any more
    const mute = reading.then(() => resolvesWithin(MUTE_TIMEOUT_MS, process.exited));
    void mute.then((ended) => ended || onUnreadable("it closed its output"));
    const ending = await process.exited;
    // the last output decides whether the request was sent, but a helper of the CLI may hold the pipe open
    let isComplete = false;
    do isComplete = await resolvesWithin(DRAIN_TIMEOUT_MS, read);
    while (!isComplete && this.#isHeld && !isGivenUp());
    process.release();
    return { ending, isComplete };
  }

  async #readMessages(): Promise<void> {
    const { process, onMessage, onUnreadable } = this.#parts;
    const onStrayLine = (line: string) => {
      if (!isSdkLog(line)) this.#strayLog.add(line);
    };
    const { budget } = process;
    try {
      await readMessages(process.stdout, {
        onMessage: (message) => this.#trackHeld(onMessage(message)),
        onStrayLine,
        budget,
      });
    } catch (error) {
      onUnreadable((error as Error).message);
    }
    this.#isHeld = false;
  }

  #trackHeld(handled: Promise<void> | void): Promise<void> | void {
    if (!handled) return;
    this.#isHeld = true;
    return handled.then(() => {
      this.#isHeld = false;
    });
  }

  async #readStderr(): Promise<void> {
    const { process, logger, onStderrLine } = this.#parts;
    try {
      for await (const line of this.#stderr.lines()) {
        onStderrLine(line);
        if (!isSdkLog(line)) this.#stderrLog.add(line);
      }
    } catch (error) {
      logger.debug(`worker ${process.pid}: ${(error as Error).message}`);
    }
  }
}
