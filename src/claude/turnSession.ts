import { cliSilent } from "../api/cliErrors.ts";
import type { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import type { CliMessage } from "./protocol/codec.ts";
import type { ControlRequest } from "./protocol/controlChannel.ts";
import type { Session, SessionLink } from "./session.ts";
import { EMPTY_BODY_SETTINGS } from "./transport/overlay/turnSettings.ts";
import { respondsAtOnce, type TurnRequest } from "./transport/turnRequest.ts";
import { Turn } from "./turn.ts";

/** Other limits apply first to requests sent in mid-turn. */
const MID_TURN_TIMEOUT_S = 600;
/** Time within which the CLI ends a turn unasked, if it does. */
const TURN_END_GRACE_MS = 100;
const SETTLE_TIMEOUT_S = 5;

/** Sends one request to the CLI: settings, trigger and interrupt, as the transport has them. */
export class TurnSession implements Session {
  readonly #link: SessionLink;
  readonly #request: TurnRequest;
  readonly #turn: Turn;
  readonly #alone: boolean;
  #triggered = false;
  /** Requests sent in mid-turn. Until answered, they could still hit the next turn. */
  readonly #midTurnRequests: Promise<unknown>[] = [];

  /** `alone` lets the CLI end the turn without an interrupt. */
  constructor(link: SessionLink, request: TurnRequest, alone = false) {
    const { transport } = link;
    this.#link = link;
    this.#request = request;
    this.#alone = alone;
    this.#turn = new Turn({
      sendInterrupt: () => this.#sendInterrupt(),
      transport,
      outcome: transport.outcome(request),
      awaitsHeaders: transport.logsHeaders,
      onFirstCall: transport.allowsMoreCalls
        ? () => this.#requestMidTurn({ subtype: "apply_flag_settings", settings: EMPTY_BODY_SETTINGS })
        : undefined,
    });
  }

  get contentDigest(): string | undefined {
    return this.#request.contentDigest;
  }

  /** Upstream's headers, from the first event on. */
  get headers(): Record<string, string> {
    return this.#turn.headers;
  }

  /**
   * Whether a fresh worker can take over the request, which this one failed without calling upstream. A fresh one that
   * fails locally does not qualify, since the next would fail too.
   */
  get canHandOver(): boolean {
    const turn = this.#turn;
    if (turn.sent) return false;
    if (turn.isModBypassed) return true;
    return !this.#link.alive || (turn.answeredLocally && this.#link.served > 1);
  }

  /**
   * Yields upstream's events in batches, up to `message_stop`. Throws `ApiError` when the answer fails or breaks off;
   * ends early when `signal` aborts. Call once.
   */
  async *run(signal: AbortSignal): AsyncGenerator<StreamEvent[], void, undefined> {
    const turn = this.#turn;
    const link = this.#link;
    const settings = link.transport.settings(this.#request);
    const stop = () => turn.stop();
    signal.addEventListener("abort", stop, { once: true });
    link.expectOutput(respondsAtOnce(this.#request));
    link.served += 1;
    await this.#send(settings, signal);
    try {
      yield* turn.events;
    } finally {
      signal.removeEventListener("abort", stop);
      turn.stop();
      link.allowSilence();
      if (turn.lacksHeaders) link.transport.logsHeaders = false;
      if (turn.isModBypassed) link.transport.mods.addBypass();
    }
  }

  /** Interrupts the turn if necessary, and kills a worker that stays busy. */
  async settle(): Promise<string | undefined> {
    const turn = this.#turn;
    if (!(await resolvesWithin(TURN_END_GRACE_MS, turn.ended))) turn.interrupt();
    const settled = turn.ended.then(() => Promise.all(this.#midTurnRequests));
    if (!(await resolvesWithin(SETTLE_TIMEOUT_S * 1000, settled)))
      this.#link.end(cliSilent("interrupt", SETTLE_TIMEOUT_S));
    return turn.reasonToRetire;
  }

  accept(message: CliMessage): Promise<void> | void {
    return this.#turn.accept(message);
  }

  onStderrLine(line: string): void {
    this.#turn.onStderrLine(line);
  }

  presumeSent(): void {
    this.#turn.presumeSent();
  }

  fail(error: ApiError): void {
    this.#turn.fail(error);
  }

  /** Sends nothing to a client that has gone. Ends the turn if the request cannot be sent. */
  async #send(settings: object | undefined, signal: AbortSignal): Promise<void> {
    const link = this.#link;
    const request = this.#request;
    const { transport } = link;
    let refusal: ApiError | undefined;
    try {
      if (settings && !signal.aborted) {
        await link.request({ subtype: "apply_flag_settings", settings });
        transport.accepted(request);
      }
      if (!signal.aborted) refusal = await transport.refusalOf(request, (subtype) => link.request({ subtype }));
      // not sent with the settings: if the CLI rejected them, the previous request's would apply
      this.#triggered = !signal.aborted && !refusal;
      if (this.#triggered) link.write(transport.trigger(request));
    } catch (error) {
      this.#turn.fail(error as ApiError);
      link.end(error as ApiError);
    }
    if (!this.#triggered) this.#turn.fail(refusal);
  }

  #sendInterrupt(): void {
    if (this.#triggered && !this.#alone) this.#requestMidTurn({ subtype: "interrupt" });
  }

  /** The turn goes on if the request fails. */
  #requestMidTurn(request: ControlRequest): void {
    this.#midTurnRequests.push(this.#link.request(request, MID_TURN_TIMEOUT_S).catch(() => {}));
  }
}
