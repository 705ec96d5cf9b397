import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import type { CliProcess, Ending } from "./cliProcess.ts";
import { type CliMessage, readMessages } from "./codec.ts";
import { LineLog } from "./lineLog.ts";
import { StderrReader } from "./stderrReader.ts";
import { isSdkLog } from "./upstreamHeaders.ts";
import { DRAIN_TIMEOUT_MS, SETTLE_TIMEOUT_S } from "./workerLimits.ts";

export interface CliOutputParts {
  process: CliProcess;
  logger: Logger;
  /** Takes a message of stdout; all later ones wait until it resolves. */
  heard(message: CliMessage): Promise<void> | void;
  /** Takes a line of stderr. */
  diagnosed(line: string): void;
  /** Called when something of stderr was dropped. */
  dropped(): void;
  /** Called when stdout cannot be read, or was closed by a process that lives on; has to end the process. */
  unreadable(reason: string): void;
  /** Whether the process was ended for a reason, so that nothing more of it is waited for. */
  isGivenUp(): boolean;
}

/** How a process ended. */
export interface LastOutput {
  how: Ending;
  /** Whether all that it wrote was read. */
  isRead: boolean;
}

/** Reads both outputs of one CLI process until its end. */
export class CliOutput {
  readonly #parts: CliOutputParts;
  readonly #diagnostics: StderrReader;
  readonly #strayLog: LineLog;
  readonly #diagnosticsLog: LineLog;
  #isHeld = false;
  /** Resolves when the process has ended and what it wrote was read. */
  readonly ended: Promise<LastOutput>;

  constructor(parts: CliOutputParts) {
    this.#parts = parts;
    const { process, logger } = parts;
    this.#diagnostics = new StderrReader(process.stderr, () => {
      logger.warn(`worker ${process.pid}: wrote so much to stderr that the rest is dropped until the next request`);
      parts.dropped();
    });
    this.#strayLog = new LineLog((line) => logger.debug(`worker ${process.pid}: ${line}`));
    this.#diagnosticsLog = new LineLog((line) => logger.trace(`worker ${process.pid}: ${line}`));
    this.ended = this.#read();
  }

  /** Whether a message waits for a slow client, and all later ones behind it. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Lets the bounds on what is read and logged begin anew. Call before each request. */
  reset(): void {
    this.#diagnostics.reset();
    this.#diagnosticsLog.reset();
    this.#strayLog.reset();
  }

  async #read(): Promise<LastOutput> {
    const { process, unreadable, isGivenUp } = this.#parts;
    const heard = this.#readMessages();
    const read = Promise.all([heard, this.#readDiagnostics()]);
    // a CLI that has closed its output can answer nothing
    const mute = heard.then(() => resolvesWithin(SETTLE_TIMEOUT_S * 1000, process.exited));
    void mute.then((ended) => ended || unreadable("It has closed its output."));
    const how = await process.exited;
    // what was said last decides whether the request was sent, but a helper of the CLI may hold the pipe open
    let isRead = false;
    do isRead = await resolvesWithin(DRAIN_TIMEOUT_MS, read);
    while (!isRead && this.#isHeld && !isGivenUp());
    process.release();
    return { how, isRead };
  }

  async #readMessages(): Promise<void> {
    const { process, heard, unreadable } = this.#parts;
    const stray = (line: string) => {
      if (!isSdkLog(line)) this.#strayLog.add(line);
    };
    const { budget } = process;
    try {
      await readMessages(process.stdout, { heard: (message) => this.#heed(heard(message)), stray, budget });
    } catch (error) {
      unreadable((error as Error).message);
    }
    this.#isHeld = false;
  }

  #heed(heard: Promise<void> | void): Promise<void> | void {
    if (!heard) return;
    this.#isHeld = true;
    return heard.then(() => {
      this.#isHeld = false;
    });
  }

  async #readDiagnostics(): Promise<void> {
    const { process, logger, diagnosed } = this.#parts;
    try {
      for await (const line of this.#diagnostics.lines()) {
        diagnosed(line);
        if (!isSdkLog(line)) this.#diagnosticsLog.add(line);
      }
    } catch (error) {
      logger.debug(`worker ${process.pid}: ${(error as Error).message}`);
    }
  }
}
