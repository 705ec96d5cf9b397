import { isTooDeep, MAX_DEPTH } from "../api/depth.ts";
import { type ApiError, answerInterrupted } from "../api/errors.ts";
import { fieldsOf, type StreamEvent, stopReasonOf } from "../api/events.ts";
import { unfold } from "../api/unfold.ts";
import { Channel } from "../shared/channel.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import type { CliMessage } from "./codec.ts";
import { MOD_REPORTS, modReport } from "./modReports.ts";
import { reasonToRetire } from "./retirement.ts";
import type { TransportName, TurnOutcome } from "./transport.ts";

/** Events that may wait for a slow client before the CLI itself is slowed down. */
const MAX_BUFFERED_EVENTS = 256;

/** Milliseconds by which stderr, with headers and the words of a failure, may lag behind stdout. */
const STDERR_LAG_MS = 1000;

/** What the CLI writes when it is given the settings of a turn; should a version not do so, when it starts the turn. */
const TURN_START_LINE = /settings change notification for flagSettings|\[engine\] turn \d{1,9} start/;

/** The ends of block and message, in the order in which the CLI makes them up. */
const END_EVENTS = ["content_block_stop", "message_delta", "message_stop"];

/** After any other stop reason the CLI goes on; after this one it ends the turn by itself, sooner than it could be asked to. */
const SELF_ENDING_STOP_REASON = "end_turn";

/** What a turn works with. */
export interface TurnParts {
  /** Asks the CLI to end the turn. */
  sendInterrupt: () => void;
  transport: { readonly name: TransportName; readonly mod: string };
  outcome: TurnOutcome;
  /** Whether the first event waits for upstream's headers. */
  awaitsHeaders?: boolean;
  /** For turns without mods: called when the call has been made up, and has to keep further ones away. */
  onFirstCall?: (() => void) | undefined;
}

/**
 * One request's way through the CLI: fed with the CLI's output, it yields upstream's events and ends at the first
 * `message_stop`, whatever the CLI would like to do after it.
 */
export class Turn {
  readonly #sendInterrupt: () => void;
  readonly #transport: { readonly name: TransportName; readonly mod: string };
  readonly #awaitsHeaders: boolean;
  readonly #events = new Channel<StreamEvent>(MAX_BUFFERED_EVENTS);
  readonly #outcome: TurnOutcome;
  #lacksHeaders = false;
  /** Whether stderr has come to the lines of this turn. */
  #isOwn = false;
  #sent = false;
  /** Calls that the CLI announced on stderr. */
  #calls = 0;
  #modAsked = false;
  /** Whether the mod reported the call. */
  #reported = false;
  readonly #onFirstCall: (() => void) | undefined;
  #hasFailed = false;
  #started = false;
  #stopReason: string | undefined;
  #interrupted = false;
  /** How many blocks have begun. */
  #blocks = 0;
  /** Whether the message has had its end, upstream's or the CLI's. */
  #closed = false;
  #over = false;
  /** Ends that either upstream has sent or the CLI made up for a broken stream: what comes after them decides. */
  #held: StreamEvent[] = [];
  #resolveEnded!: () => void;

  /** Resolves when the CLI is done with this turn, and so ready for the next. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#resolveEnded = resolve;
  });

  constructor({ sendInterrupt, transport, outcome, awaitsHeaders = true, onFirstCall }: TurnParts) {
    this.#sendInterrupt = sendInterrupt;
    this.#transport = transport;
    this.#outcome = outcome;
    this.#awaitsHeaders = awaitsHeaders;
    this.#onFirstCall = onFirstCall;
  }

  /** Upstream's events, in batches. Throws `ApiError` when the answer does not come, or not whole. */
  get events(): AsyncIterable<StreamEvent[]> {
    return this.#events;
  }

  /** Whether the request may have left the machine: the CLI says so before it calls. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Whether the CLI failed the turn by itself, without a call: that has cost nothing. */
  get answeredLocally(): boolean {
    return this.#hasFailed && !this.#sent;
  }

  /** Why the worker must not serve another request after this one, once the turn has ended. */
  get reasonToRetire(): string | undefined {
    return reasonToRetire({
      modAsked: this.#modAsked || !this.#started || this.#onFirstCall !== undefined,
      answeredLocally: this.answeredLocally,
      calledAgain: this.#calls > 1 || this.#outcome.denied,
      refusedStatus: this.#outcome.refusedStatus,
      stopReason: this.#stopReason,
    });
  }

  /** Whether a call was answered about which the mod was not asked, though it was about the turn. */
  get isModBypassed(): boolean {
    const wasAnswered = this.#started || this.#outcome.refusedStatus !== undefined;
    return !this.#reported && wasAnswered && (this.#modAsked || this.#transport.name === "rewrite");
  }

  /** Upstream's headers about the answer and about limits, from its first event on. */
  get headers(): Record<string, string> {
    return this.#outcome.headers;
  }

  /** True if the headers did not arrive in time. */
  get lacksHeaders(): boolean {
    return this.#lacksHeaders;
  }

  /** Takes a message of the CLI's stdout; returns a promise where the next one has to wait. */
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

  /** Takes a line of the CLI's stderr. Ignores those that an earlier turn left behind. */
  diagnose(line: string): void {
    // an order and not the times in the lines, since the clock may be set in between
    this.#isOwn ||= TURN_START_LINE.test(line);
    if (!this.#isOwn) return;
    if (line.includes("[API REQUEST]")) {
      this.#sent = true;
      this.#calls += 1;
      if (this.#calls === 1) this.#onFirstCall?.();
    }
    this.#outcome.addDiagnostic(line);
  }

  /** Some of the CLI's output was lost, so it may have called. */
  presumeSent(): void {
    this.#sent = true;
  }

  /** Ends the turn without an answer: the client is gone. */
  stop(): void {
    if (this.#over) return;
    this.#finish();
    this.interrupt();
  }

  /** Has the CLI end the turn now. */
  interrupt(): void {
    if (this.#interrupted) return;
    this.#interrupted = true;
    this.#sendInterrupt();
  }

  /** Ends the turn for good: the worker is gone, or was never asked. */
  fail(error?: ApiError): void {
    this.#finish(error);
    this.#resolveEnded();
  }

  /** `abandoned` if the CLI marks the event as its own end of a broken stream. */
  #event(event: StreamEvent, abandoned = false): Promise<void> | void {
    // while it watches bytes, the CLI turns some into pings: one before the first event would hide the status of a refusal
    if (this.#over || event.type === "ping") return;
    if (isTooDeep(event)) return this.#breakOff(`an event is nested more than ${MAX_DEPTH} levels deep.`);
    // a second answer in one turn is never this request's
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
    // ends may be the CLI's own, which it makes up when it gives the answer up
    this.#outcome.addEvent();
    if (event.type !== "message_stop") return this.#events.push(event);
    void this.#events.push(event);
    this.#finish();
    if (this.#stopReason !== SELF_ENDING_STOP_REASON) this.interrupt();
  }

  /** Ends a turn whose answer cannot be passed on. */
  #breakOff(reason: string): void {
    this.#finish(answerInterrupted(reason));
    this.interrupt();
  }

  async #begin(event: StreamEvent): Promise<void> {
    this.#started = true;
    this.#sent = true;
    const content = fieldsOf(event.message)?.content;
    if (Array.isArray(content)) this.#blocks = content.length;
    if (this.#awaitsHeaders && !this.#outcome.hasHeaders)
      this.#lacksHeaders = !(await resolvesWithin(STDERR_LAG_MS, this.#outcome.headersReady));
    // the CLI's own body, and not the client's, was sent
    if (this.isModBypassed && this.#transport.name === "rewrite") {
      return this.#breakOff("Claude Code sent another request in place of this one.");
    }
    await this.#pass(event);
  }

  /** A block that the CLI tells of when it is complete, at its place among the events but not by them. */
  async #wholeBlock(content_block: object): Promise<void> {
    const index = this.#blocks;
    await this.#event({ type: "content_block_start", index, content_block });
    await this.#event({ type: "content_block_stop", index });
  }

  /** Returns a promise where there is no room for the next event. */
  #releaseHeld(): Promise<void> | undefined {
    const held = this.#held;
    if (held.length === 0) return undefined;
    this.#held = [];
    return held.map((event) => this.#events.push(event)).at(-1);
  }

  async #result(message: CliMessage): Promise<void> {
    if (!this.#over) await this.#ended(message);
    this.#resolveEnded();
  }

  /** The CLI is done without an end that is surely upstream's. */
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
