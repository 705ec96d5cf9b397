import { Readable } from "node:stream";
import { ApiError, internalError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import { textOf } from "../api/exactJson.ts";
import type { Logger } from "../shared/logger.ts";

/** Short enough that no proxy or client takes a silent connection for a dead one. */
const PING_INTERVAL_MS = 10_000;

type EventBatches = Pick<AsyncGenerator<readonly StreamEvent[], void, undefined>, "next" | "return">;

/**
 * Returns the body of a `text/event-stream` response. A failure becomes an `error` event and ends the stream without
 * `message_stop` (contract: "Streaming"). Sends pings during silence, because the CLI drops the API's own.
 */
export function sse(
  first: readonly StreamEvent[],
  rest: EventBatches,
  logger: Logger,
  interval = PING_INTERVAL_MS,
): Readable {
  return new EventBody(first, rest, logger, interval);
}

class EventBody extends Readable {
  readonly #rest: EventBatches;
  readonly #logger: Logger;
  readonly #interval: number;
  /** One timer for the whole stream: a timer per event would be the most expensive step here. */
  #timer: NodeJS.Timeout | undefined;
  #first: readonly StreamEvent[] | undefined;
  #isPulling = false;
  /** Whether the client has read everything sent so far. */
  #isClientReady = false;

  constructor(first: readonly StreamEvent[], rest: EventBatches, logger: Logger, interval: number) {
    super();
    this.#first = first;
    this.#rest = rest;
    this.#logger = logger;
    this.#interval = interval;
  }

  override _read(): void {
    this.#isClientReady = true;
    this.#timer ??= setInterval(() => this.#ping(), this.#interval);
    this.#timer.refresh();
    if (this.#first) {
      this.#send(this.#first.map(frame).join(""));
      this.#first = undefined;
    } else if (!this.#isPulling) void this.#pull();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    // no client is left to get a failure
    this.#rest.return().catch(() => {});
    done(error);
  }

  async #pull(): Promise<void> {
    this.#isPulling = true;
    let frames: string | undefined;
    let isOver = false;
    try {
      const { done, value } = await this.#rest.next();
      if (value) frames = value.map(frame).join("");
      isOver = done === true;
    } catch (error) {
      frames = this.#lastFrame(error as Error);
      isOver = true;
    }
    this.#isPulling = false;
    if (this.destroyed) return;
    if (frames !== undefined) this.#send(frames);
    if (isOver) this.#end();
  }

  #end(): void {
    clearInterval(this.#timer);
    this.push(null);
  }

  #send(frames: string): void {
    this.#isClientReady = false;
    this.push(frames);
  }

  #ping(): void {
    if (this.#isClientReady) this.#send(frame({ type: "ping" }));
  }

  /** Returns undefined if the client has disconnected. */
  #lastFrame(error: Error): string | undefined {
    if ((error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE") return undefined;
    if (!(error instanceof ApiError)) this.#logger.error(`stream: ${error.stack}`);
    return frame((error instanceof ApiError ? error : internalError()).toEnvelope());
  }
}

/** SDKs drop events without an `event:` line. Keeps the original JSON of an unchanged event. */
export function frame(event: { type: string }): string {
  return `event: ${event.type}\ndata: ${textOf(event) ?? JSON.stringify(event)}\n\n`;
}
