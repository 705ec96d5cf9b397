import { cliEnded, cliForbidden, cliSilent, cliUnreadable, cliUnresponsive, helperSilent } from "../api/cliErrors.ts";
import type { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { type Cli, requireVersion } from "./locate/locate.ts";
import { CliOutput, type LastOutput } from "./process/cliOutput.ts";
import type { CliProcess } from "./process/cliProcess.ts";
import { Heartbeat } from "./process/heartbeat.ts";
import type { NetworkRoute } from "./process/network.ts";
import { type CliMessage, encodePieces } from "./protocol/codec.ts";
import { ControlChannel, type ControlRequest } from "./protocol/controlChannel.ts";
import type { EncodedJson } from "./protocol/encodedJson.ts";
import type { CliDescription } from "./signIn/description.ts";
import { attributeToHelper, type HelperKey } from "./signIn/helperKey.ts";
import { StartupStderr } from "./signIn/startupStderr.ts";
import { CountSession } from "./transport/overlay/countSession.ts";
import { EMPTY_BODY_SETTINGS } from "./transport/overlay/turnSettings.ts";
import { ExactCount } from "./transport/rewrite/exactCount.ts";
import type { Ask, Transport } from "./transport/transport.ts";
import { respondsAtOnce, type TurnRequest } from "./transport/turnRequest.ts";
import { Turn } from "./turn.ts";
import * as limits from "./workerLimits.ts";

/** Unknown to the CLI, which rejects it at once, even in mid-turn. */
const PING = { subtype: "claude_virtual_api_ping" };

export interface WorkerParts {
  process: CliProcess;
  transport: Transport;
  logger: Logger;
  /** Limits of silence in milliseconds: for a busy process, and for an idle one before a request. */
  silenceLimit?: number | undefined;
  wakeLimit?: number | undefined;
  cli?: Cli | undefined;
}

/**
 * One long-lived CLI process that serves requests one after the other. Only the system prompt belongs to the process.
 */
export class Worker {
  readonly #process: CliProcess;
  readonly #logger: Logger;
  readonly #control = new ControlChannel((message) => this.#write(message));
  readonly #ask: Ask = (subtype) => this.#control.request({ subtype }, limits.SETTINGS_TIMEOUT_S);
  readonly #output: CliOutput;
  readonly #heartbeat: Heartbeat;
  #turn: Turn | undefined;
  #count: CountSession | ExactCount | undefined;
  /** Requests sent in mid-turn. Until answered, they could still hit the next turn. */
  #midTurnRequests: Promise<unknown>[] = [];
  /** Whether the CLI logs upstream's headers; answers wait for them. */
  #logsHeaders = true;
  #failure: ApiError | undefined;
  readonly #startupStderr: StartupStderr;
  /** Resolves when the process has ended and its pipes are closed. */
  readonly #gone: Promise<void>;
  readonly transport: Transport;
  readonly cli: Cli | undefined;
  /** The CLI's session id, known before the worker is initialized. */
  sessionId: string | undefined;
  /** Digest of the current request or count; undefined while idle. */
  contentDigest: string | undefined;
  helperKey: HelperKey | undefined;
  served = 0;

  constructor(parts: WorkerParts) {
    const {
      process,
      transport,
      logger,
      silenceLimit = limits.SILENCE_LIMIT_MS,
      wakeLimit = limits.WAKE_LIMIT_MS,
      cli,
    } = parts;
    this.#process = process;
    this.transport = transport;
    this.cli = cli;
    this.#logger = logger;
    this.#startupStderr = new StartupStderr(logger);
    this.#output = new CliOutput({
      process,
      logger,
      onMessage: (message) => this.#accept(message),
      onStderrLine: (line) => this.#onStderrLine(line),
      onStderrDropped: () => this.#turn?.presumeSent(),
      onUnreadable: (reason) => this.end(cliUnreadable(reason)),
      isGivenUp: () => this.#failure !== undefined,
    });
    const ping = () => this.#control.request(PING, limits.PING_TIMEOUT_S).catch(() => {});
    this.#heartbeat = new Heartbeat({
      silenceLimit,
      wakeLimit,
      ping,
      isHeld: () => this.#output.isHeld,
      onDead: (limit) => this.end(cliUnresponsive(limit / 1000)),
    });
    this.#gone = this.#output.ended.then((last) => this.#fail(last));
    // the reply shows that a blank worker is ready; from then on, silence means that it hangs
    void ping();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get route(): NetworkRoute {
    return this.#process.route;
  }

  get alive(): boolean {
    return !this.#process.ended && !this.#failure;
  }

  get isBusy(): boolean {
    return this.#turn !== undefined || this.#count !== undefined;
  }

  get helperFailure(): string | undefined {
    return this.#startupStderr.helperFailure;
  }

  get exited(): Promise<string> {
    return this.#process.exited;
  }

  /**
   * Gives a blank worker its system prompt. Throws `ApiError` when the CLI ends, stays silent, lacks a mod or is not
   * the checked version.
   */
  async initialize(system: string | EncodedJson): Promise<CliDescription> {
    const request = { subtype: "initialize", systemPrompt: system === "" ? [] : [system], systemPromptSnapshot: false };
    if (this.#heartbeat.hasResponded) this.#heartbeat.start();
    const { response } = await this.#control
      .request(request, limits.INITIALIZE_TIMEOUT_S)
      .catch((error) => {
        const isHelper = this.alive && this.helperKey !== undefined && !this.#heartbeat.hasResponded;
        throw isHelper ? helperSilent(limits.INITIALIZE_TIMEOUT_S) : error;
      })
      .finally(() => this.#heartbeat.stop());
    requireVersion(this.cli, response?.claude_code_version);
    const account = attributeToHelper(response?.account ?? {}, this.helperKey);
    const organization = await this.transport.mods.verify(account, this.#ask);
    return { models: response?.models ?? [], account, ...(organization && { organization }) };
  }

  /**
   * Yields upstream's events in batches, up to `message_stop`. Throws `ApiError` when the answer fails or breaks off;
   * ends early when `signal` aborts. Call `settle` before the next request. `alone` lets the CLI end the turn without
   * an interrupt.
   */
  async *run(request: TurnRequest, signal: AbortSignal, alone = false): AsyncGenerator<StreamEvent[], void, undefined> {
    const { transport } = this;
    const settings = transport.settings(request);
    let triggered = false;
    let refusal: ApiError | undefined;
    const sendInterrupt = () => {
      if (alone || !triggered) return;
      this.#requestMidTurn({ subtype: "interrupt" });
    };
    const onFirstCall = transport.allowsMoreCalls
      ? () => this.#requestMidTurn({ subtype: "apply_flag_settings", settings: EMPTY_BODY_SETTINGS })
      : undefined;
    const outcome = transport.outcome(request);
    const turn = new Turn({ sendInterrupt, transport, outcome, awaitsHeaders: this.#logsHeaders, onFirstCall });
    const stop = () => turn.stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#begin(respondsAtOnce(request));
    this.#turn = turn;
    this.contentDigest = request.contentDigest;
    this.served += 1;
    try {
      if (settings && !signal.aborted) {
        await this.#control.request({ subtype: "apply_flag_settings", settings }, limits.SETTINGS_TIMEOUT_S);
        transport.accepted(request);
      }
      if (!signal.aborted) refusal = await transport.refusalOf(request, this.#ask);
      // not sent with the settings: if the CLI rejected them, the previous request's would apply
      triggered = !signal.aborted && !refusal;
      if (triggered) this.#write(transport.trigger(request));
    } catch (error) {
      turn.fail(error as ApiError);
      this.end(error as ApiError);
    }
    if (!triggered) turn.fail(refusal);
    try {
      yield* turn.events;
    } finally {
      signal.removeEventListener("abort", stop);
      turn.stop();
      this.#heartbeat.stop();
      if (turn.lacksHeaders) this.#logsHeaders = false;
      if (turn.isModBypassed) transport.mods.addBypass();
    }
  }

  /** Turns this worker into a counter for good: what it counts stays in its conversation. */
  count(): CountSession {
    this.#begin();
    const session = new CountSession({
      request: (request) => this.#control.request(request, limits.COUNT_TIMEOUT_S),
      write: (message) => this.#write(message),
    });
    this.#count = session;
    return session;
  }

  countExactly(): ExactCount {
    const count = new ExactCount({
      request: (request) => this.#control.request(request, limits.COUNT_TIMEOUT_S),
      write: (message) => this.#write(message),
      began: () => this.#begin(),
      ended: () => this.#heartbeat.stop(),
      bypassed: () => this.transport.mods.addBypass(),
    });
    this.#count = count;
    return count;
  }

  /**
   * Whether a fresh worker can take over the last request, which this one failed without calling upstream. A fresh one
   * that fails locally does not qualify, since the next would fail too.
   */
  get canHandOver(): boolean {
    const turn = this.#turn;
    if (!turn || turn.sent) return false;
    if (turn.isModBypassed) return true;
    return !this.alive || (turn.answeredLocally && this.served > 1);
  }

  get headers(): Record<string, string> {
    return this.#turn?.headers ?? {};
  }

  /**
   * Resolves when the worker is ready for the next request, false if it must not serve again. Kills one that stays
   * busy.
   */
  async settle(): Promise<boolean> {
    const turn = this.#turn;
    if (!turn) return this.alive;
    if (!(await resolvesWithin(limits.TURN_END_GRACE_MS, turn.ended))) turn.interrupt();
    const settled = turn.ended.then(() => Promise.all(this.#midTurnRequests));
    if (!(await resolvesWithin(limits.SETTLE_TIMEOUT_S * 1000, settled)))
      this.end(cliSilent("interrupt", limits.SETTLE_TIMEOUT_S));
    this.#turn = undefined;
    this.contentDigest = undefined;
    this.#midTurnRequests = [];
    const reason = turn.reasonToRetire ?? this.transport.mods.reasonToRetire;
    if (reason && this.alive) this.#logger.info(`worker ${this.pid} is replaced: ${reason}`);
    return this.alive && reason === undefined;
  }

  /** Kills the process; its request fails with this reason. */
  end(reason: ApiError): void {
    if (!this.alive) return;
    this.#failure = reason;
    this.#logger.warn(`worker ${this.pid}: ${reason.message}`);
    this.#process.kill();
  }

  /** Stops the process; resolves when it is gone and its file descriptors are free. */
  async stop(): Promise<void> {
    await this.#process.stop();
    await resolvesWithin(limits.DRAIN_TIMEOUT_MS, this.#gone);
  }

  /** Call before anything that keeps the CLI busy. */
  #begin(respondsAtOnce = false): void {
    this.#output.reset();
    this.#heartbeat.start(respondsAtOnce);
  }

  #fail({ ending, isComplete }: LastOutput): void {
    if (!isComplete) this.#turn?.presumeSent();
    this.#heartbeat.stop();
    const refusal = this.#startupStderr.organizationRefusal;
    const error =
      this.#failure ?? (refusal === undefined || this.served > 0 ? cliEnded(ending) : cliForbidden(refusal));
    this.#control.fail(error);
    this.#turn?.fail(error);
    this.#count?.fail(error);
  }

  #accept(message: CliMessage): Promise<void> | void {
    if (!this.#heartbeat.hasResponded) this.#logger.debug(`worker ${this.pid} is ready`);
    this.#heartbeat.onMessage();
    this.sessionId ??= message.session_id;
    if (message.type === "control_response") return this.#acceptAnswer(message);
    if (this.transport.mods.accept(message)) this.#logger.debug(`worker ${this.pid} loaded a mod`);
    else if (this.#count) this.#count.accept(message);
    else return this.#turn?.accept(message);
  }

  #onStderrLine(line: string): void {
    if (this.served === 0) this.transport.mods.addStderrLine(line);
    if (this.served === 0) this.#startupStderr.add(line);
    this.#turn?.onStderrLine(line);
    this.#count?.onStderrLine(line);
  }

  /** Sends a request in the middle of a turn; the turn goes on if it fails. */
  #requestMidTurn(request: ControlRequest): void {
    this.#midTurnRequests.push(this.#control.request(request, limits.MID_TURN_TIMEOUT_S).catch(() => {}));
  }

  #acceptAnswer({ response }: CliMessage): void {
    if (!this.#control.answer(response))
      this.#logger.debug(`worker ${this.pid}: received a reply to no pending request`);
  }

  #write(message: CliMessage): void {
    this.#process.write(...encodePieces(message));
  }
}
