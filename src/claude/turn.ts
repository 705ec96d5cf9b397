import { isTooDeep, MAX_DEPTH } from "../api/depth.ts";
import { type ApiError, answerInterrupted } from "../api/errors.ts";
import { fieldsOf, type StreamEvent, stopReasonOf } from "../api/events.ts";
import { describe, type MessageDescriptor } from "../api/messageDescriptors.ts";
import { unfold } from "../api/unfold.ts";
import { Channel } from "../shared/channel.ts";
import { Deferred } from "../shared/deferred.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import type { CliMessage } from "./protocol/codec.ts";
import { MOD_REPORTS, modReport } from "./protocol/modReports.ts";
import { reasonToRetire } from "./retirement.ts";
import type { TransportName, TurnOutcome } from "./transport/transport.ts";

/** Events buffered for a slow client before the CLI is slowed down. */
const MAX_BUFFERED_EVENTS = 256;

/** How far stderr may lag behind stdout. */
const STDERR_LAG_MS = 1000;

/** Logged when the CLI receives a turn's settings, or else starts the turn. */
const TURN_START_LINE = /settings change notification for flagSettings|\[engine\] turn \d{1,9} start/;

/** Events that end a block and the message, in the sequence in which the CLI makes them up. */
const END_EVENTS = ["content_block_stop", "message_delta", "message_stop"];

/** After this, the CLI ends the turn sooner than it could be asked to; after any other, it goes on. */
const SELF_ENDING_STOP_REASON = "end_turn";

export interface TurnParts {
  sendInterrupt: () => void;
  transport: { readonly name: TransportName; readonly mod: string };
  outcome: TurnOutcome;
  /** Whether the first event waits for upstream's headers. */
  awaitsHeaders?: boolean;
  /** For turns without mods: called once the CLI has built its first call. */
  onFirstCall?: (() => void) | undefined;
}

/**
 * One request in the CLI. Yields upstream's events and ends at the first `message_stop`, whatever the CLI does next.
 */
export class Turn {
  readonly #sendInterrupt: () => void;
  readonly #transport: { readonly name: TransportName; readonly mod: string };
  readonly #awaitsHeaders: boolean;
  readonly #events = new Channel<StreamEvent>(MAX_BUFFERED_EVENTS);
  readonly #outcome: TurnOutcome;
  #lacksHeaders = false;
  /** Whether stderr has reached the lines of this turn. */
  #isOwn = false;
  #sent = false;
  #calls = 0;
  #modAsked = false;
  #reported = false;
  readonly #onFirstCall: (() => void) | undefined;
  #hasFailed = false;
  #started = false;
  #stopReason: string | undefined;
  #interrupted = false;
  #blocks = 0;
  /** Whether the message has ended, by upstream or the CLI. */
  #closed = false;
  #over = false;
  /** End events of upstream, or made up by the CLI for a broken stream; what follows decides. */
  #held: StreamEvent[] = [];
  readonly #ending = new Deferred();

  /** Resolves when the CLI has finished this turn and is ready for the next. */
  readonly ended = this.#ending.promise;

  constructor({ sendInterrupt, transport, outcome, awaitsHeaders = true, onFirstCall }: TurnParts) {
    this.#sendInterrupt = sendInterrupt;
    this.#transport = transport;
    this.#outcome = outcome;
    this.#awaitsHeaders = awaitsHeaders;
    this.#onFirstCall = onFirstCall;
  }

  /** Throws `ApiError` if the answer is missing or incomplete. */
  get events(): AsyncIterable<StreamEvent[]> {
    return this.#events;
  }

  /** Whether the request may have left this machine: the CLI announces its calls. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Whether the CLI failed the turn without a call, which costs nothing. */
  get answeredLocally(): boolean {
    return this.#hasFailed && !this.#sent;
  }

  /** Why the worker must not serve again, once the turn has ended. */
  get reasonToRetire(): string | undefined {
    return reasonToRetire({
      modAsked: this.#modAsked || !this.#started || this.#onFirstCall !== undefined,
      answeredLocally: this.answeredLocally,
      calledAgain: this.#calls > 1 || this.#outcome.denied,
      refusedStatus: this.#outcome.refusedStatus,
      stopReason: this.#stopReason,
    });
  }

  /** Whether upstream answered a call about which the CLI did not ask the mod. */
  get isModBypassed(): boolean {
    const wasAnswered = this.#started || this.#outcome.refusedStatus !== undefined;
    return !this.#reported && wasAnswered && (this.#modAsked || this.#transport.name === "rewrite");
  }

  get headers(): Record<string, string> {
    return this.#outcome.headers;
  }

  /** True if the headers did not arrive in time. */
  get lacksHeaders(): boolean {
    return this.#lacksHeaders;
  }

  /** Receives a message from stdout. Returns a promise if the next one has to wait. */
  accept(message: CliMessage): Promise<void> | void {
    switch (message.type) {
      case "stream_event":
        if (typeof message.event?.type !== "string") return;
        return this.#event(message.event, "abandoned_blocks" in message);
      case "assistant":
        if (message.is_api_error_message) this.#outcome.addErrorMessage(message);
        else if (message.message?.content?.[0]?.type === "fallback")
          return this.#wholeBlock(message.message.content[0]);
        return;
      case "rate_limit_event":
        this.#outcome.addRateLimit(message.rate_limit_info);
        return;
      case "system":
        this.#log(message);
        return;
      case "result":
        return this.#result(message);
    }
  }

  #log(message: CliMessage): void {
    const report = modReport(message, this.#transport.mod);
    if (report === undefined) return;
    if (report === MOD_REPORTS.turnStarted) this.#modAsked = true;
    if (report === MOD_REPORTS.calling) {
      this.#sent = true;
      this.#reported = true;
    }
    this.#outcome.addModReport(message);
  }

  /** Receives a line from stderr. Ignores lines of an earlier turn. */
  onStderrLine(line: string): void {
    // by sequence and not by timestamp, since the clock may be set
    this.#isOwn ||= TURN_START_LINE.test(line);
    if (!this.#isOwn) return;
    if (line.includes("[API REQUEST]")) {
      this.#sent = true;
      this.#calls += 1;
      if (this.#calls === 1) this.#onFirstCall?.();
    }
    this.#outcome.addStderrLine(line);
  }

  /** Call when output was lost: the CLI may have made a call. */
  presumeSent(): void {
    this.#sent = true;
  }

  /** Ends the turn without an answer; the client has gone. */
  stop(): void {
    if (this.#over) return;
    this.#finish();
    this.interrupt();
  }

  interrupt(): void {
    if (this.#interrupted) return;
    this.#interrupted = true;
    this.#sendInterrupt();
  }

  /** Ends the turn for good: the worker is gone, or was never asked. */
  fail(error?: ApiError): void {
    this.#finish(error);
    this.#ending.resolve();
  }

  /** `abandoned`: the CLI's own end of a broken stream. */
  #event(event: StreamEvent, abandoned = false): Promise<void> | void {
    // a ping before the first event would hide the status of a refusal
    if (this.#over || event.type === "ping") return;
    if (isTooDeep(event))
      return this.#breakOff(
        `an event is nested more than ${MAX_DEPTH} levels deep.`,
        describe("event_too_deep", { maximum: MAX_DEPTH }),
      );
    // a second answer in one turn never belongs to this request
    if (event.type === "message_start") return this.#started ? undefined : this.#begin(event);
    return this.#pass(event, abandoned);
  }

  #pass(event: StreamEvent, abandoned = false): Promise<void> | void {
    if (this.#closed) return;
    if (abandoned) {
      this.#closed = true;
      this.#held = [];
      return;
    }
    this.#stopReason = stopReasonOf(event) ?? this.#stopReason;
    if (event.type === "content_block_start") this.#blocks += 1;
    const end = END_EVENTS.indexOf(event.type);
    const isHeld = end === 0 || (end > 0 && this.#stopReason === undefined);
    const room = !isHeld || end <= END_EVENTS.indexOf(this.#held.at(-1)?.type ?? "") ? this.#releaseHeld() : undefined;
    if (isHeld) {
      this.#held.push(event);
      this.#closed = event.type === "message_stop";
      return room;
    }
    // end events may be the CLI's, made up when it gives up on the answer
    this.#outcome.addEvent();
    if (event.type !== "message_stop") return this.#events.push(event);
    void this.#events.push(event);
    this.#finish();
    if (this.#stopReason !== SELF_ENDING_STOP_REASON) this.interrupt();
  }

  #breakOff(reason: string, descriptor: MessageDescriptor): void {
    this.#finish(answerInterrupted(reason, undefined, descriptor));
    this.interrupt();
  }

  async #begin(event: StreamEvent): Promise<void> {
    this.#started = true;
    this.#sent = true;
    const content = fieldsOf(event.message)?.content;
    if (Array.isArray(content)) this.#blocks = content.length;
    if (this.#awaitsHeaders && !this.#outcome.hasHeaders)
      this.#lacksHeaders = !(await resolvesWithin(STDERR_LAG_MS, this.#outcome.headersReady));
    // the CLI sent its own body instead of the client's
    if (this.isModBypassed && this.#transport.name === "rewrite") {
      return this.#breakOff("Claude Code sent another request in place of this one.", describe("request_replaced", {}));
    }
    await this.#pass(event);
  }

  /** Emits a block that the CLI reports only when complete, in sequence with the events. */
  async #wholeBlock(content_block: object): Promise<void> {
    const index = this.#blocks;
    await this.#event({ type: "content_block_start", index, content_block });
    await this.#event({ type: "content_block_stop", index });
  }

  /** Returns a promise if there is no room for the next event. */
  #releaseHeld(): Promise<void> | undefined {
    const held = this.#held;
    if (held.length === 0) return undefined;
    this.#held = [];
    return held.map((event) => this.#events.push(event)).at(-1);
  }

  async #result(message: CliMessage): Promise<void> {
    if (!this.#over) await this.#ended(message);
    this.#ending.resolve();
  }

  /** Handles a turn that ended without a certain end from upstream. */
  async #ended(result: CliMessage): Promise<void> {
    if (this.#closed && this.#held.length > 0 && !result.is_error) {
      await this.#releaseHeld();
      this.#finish();
      return;
    }
    const whole = this.#outcome.wholeAnswer();
    if (whole) {
      for (const event of unfold(whole)) await this.#events.push(event);
      this.#finish();
      return;
    }
    await resolvesWithin(STDERR_LAG_MS, this.#outcome.errorSeen);
    this.#hasFailed = true;
    this.#finish(this.#outcome.toError(result, this.#started));
  }

  #finish(error?: ApiError): void {
    this.#over = true;
    this.#events.close(error);
  }
}
