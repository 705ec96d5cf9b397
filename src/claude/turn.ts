import { setTimeout as delay } from "node:timers/promises";
import type { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import { Channel } from "../shared/channel.ts";
import type { CliMessage } from "./codec.ts";
import { Evidence } from "./evidence.ts";

/** Events that may wait for a slow client before the CLI itself is slowed down. */
const BUFFERED_EVENTS = 64;

/** How long what stderr tells may lag behind stdout, in milliseconds: the words of a failure, and headers. */
const LAG = 200;

/**
 * One request's way through the CLI: fed with the CLI's output, it yields upstream's events and ends at the first
 * `message_stop`, whatever the CLI would like to do after it.
 */
export class Turn {
  readonly #interrupt: () => void;
  readonly #awaitsHeaders: boolean;
  readonly #startedAt = Date.now();
  readonly #events = new Channel<StreamEvent>(BUFFERED_EVENTS);
  readonly #evidence = new Evidence();
  #lacksHeaders = false;
  #sent = false;
  #started = false;
  #stopReasonSeen = false;
  /** How many blocks have begun. */
  #blocks = 0;
  #broken = false;
  #over = false;
  #heldStop: StreamEvent | undefined;
  #resolveEnded!: () => void;

  /** Resolves when the CLI is done with this turn, and so ready for the next. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#resolveEnded = resolve;
  });

  /** `interrupt` asks the CLI to end the turn; `awaitsHeaders` has the first event wait for upstream's headers. */
  constructor(interrupt: () => void, awaitsHeaders = true) {
    this.#interrupt = interrupt;
    this.#awaitsHeaders = awaitsHeaders;
  }

  /** Upstream's events. Throws `ApiError` when the answer does not come, or not whole. */
  get events(): AsyncIterable<StreamEvent> {
    return this.#events;
  }

  /** Whether the request may have left the machine: the CLI says so before it calls. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Upstream's headers about the answer and about limits, from its first event on. */
  get headers(): Record<string, string> {
    return this.#evidence.headers;
  }

  /** Whether they were waited for in vain. */
  get lacksHeaders(): boolean {
    return this.#lacksHeaders;
  }

  /** Takes a message of the CLI's stdout; waits while the client is behind. */
  async accept(message: CliMessage): Promise<void> {
    switch (message.type) {
      case "stream_event":
        return this.#event(message.event);
      case "assistant":
        if (message.is_api_error_message) this.#evidence.addReport(message);
        else if (message.message?.content?.[0]?.type === "fallback") await this.#wholeBlock(message.message.content[0]);
        return;
      case "rate_limit_event":
        this.#evidence.addLimit(message.rate_limit_info);
        return;
      case "result":
        if (!this.#over) await this.#failed(message);
        this.#resolveEnded();
        return;
    }
  }

  /** Takes a line of the CLI's stderr. */
  diagnose(line: string): void {
    // only where a time stands, since `Date.parse` finds one almost everywhere
    if (/^\d{4}-/.test(line) && Date.parse(line.slice(0, 24)) < this.#startedAt) return;
    if (line.includes("[API REQUEST]")) this.#sent = true;
    this.#evidence.addDiagnostic(line);
  }

  /** Ends the turn without an answer: the client is gone. */
  stop(): void {
    if (this.#over) return;
    this.#finish();
    this.#interrupt();
  }

  /** Ends the turn for good: the worker is gone. */
  fail(error: ApiError): void {
    this.#finish(error);
    this.#resolveEnded();
  }

  async #event(event: StreamEvent): Promise<void> {
    if (this.#over) return;
    if (event.type === "message_start") {
      // a second answer in one turn is never this request's
      if (this.#started) return;
      this.#started = true;
      this.#sent = true;
      if (this.#awaitsHeaders) this.#lacksHeaders = !(await isWithin(LAG, this.#evidence.answered));
    }
    if (this.#broken || closesBrokenStream(event, this.#stopReasonSeen)) {
      this.#broken = true;
      return;
    }
    if (event.type === "message_delta") this.#stopReasonSeen = true;
    if (event.type === "content_block_start") this.#blocks = Number(event.index) + 1;
    await this.#releaseHeldStop();
    if (event.type === "content_block_stop") {
      this.#heldStop = event;
      return;
    }
    await this.#events.push(event);
    // while the last event waited for a slow client, the client may have gone
    if (event.type === "message_stop" && !this.#over) {
      this.#finish();
      this.#interrupt();
    }
  }

  /** A block that the CLI tells of when it is complete, at its place among the events but not by them. */
  async #wholeBlock(content_block: object): Promise<void> {
    const index = this.#blocks;
    await this.#event({ type: "content_block_start", index, content_block });
    await this.#event({ type: "content_block_stop", index });
  }

  async #releaseHeldStop(): Promise<void> {
    const held = this.#heldStop;
    this.#heldStop = undefined;
    if (held) await this.#events.push(held);
  }

  async #failed(result: CliMessage): Promise<void> {
    await isWithin(LAG, this.#evidence.seen);
    this.#finish(this.#evidence.toError(result, this.#started));
  }

  #finish(error?: ApiError): void {
    this.#over = true;
    this.#events.end(error);
  }
}

/** Whether the promise resolves within so many milliseconds. */
async function isWithin(milliseconds: number, promise: Promise<void>): Promise<boolean> {
  const unwaited = new AbortController();
  const late = delay(milliseconds, false, { signal: unwaited.signal }).catch(() => false);
  const inTime = promise.then(() => true);
  return Promise.race([inTime, late]).finally(() => unwaited.abort());
}

/** On a broken stream the CLI closes block and message by itself, but it has no stop reason to tell; upstream always has. */
function closesBrokenStream(event: StreamEvent, stopReasonSeen: boolean): boolean {
  if (event.type === "message_delta") return (event.delta as { stop_reason?: unknown })?.stop_reason === null;
  return event.type === "message_stop" && !stopReasonSeen;
}
