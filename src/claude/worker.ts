import { cliEnded, cliForbidden, cliSilent, cliUnreadable, cliUnresponsive, helperSilent } from "../api/cliErrors.ts";
import type { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { CliOutput, type LastOutput } from "./cliOutput.ts";
import type { CliProcess } from "./cliProcess.ts";
import { type CliMessage, encodePieces } from "./codec.ts";
import { ControlChannel, type ControlRequest } from "./controlChannel.ts";
import type { CliDescription } from "./description.ts";
import type { EncodedJson } from "./encodedJson.ts";
import { Heartbeat } from "./heartbeat.ts";
import { attributeToHelper, type HelperKey } from "./helperKey.ts";
import { type Cli, requireVersion } from "./locate.ts";
import type { NetworkRoute } from "./network.ts";
import { CountSession } from "./overlay/countSession.ts";
import { EMPTY_BODY_SETTINGS } from "./overlay/turnSettings.ts";
import { ExactCount } from "./rewrite/exactCount.ts";
import { StartupStderr } from "./startupStderr.ts";
import type { Ask, Transport } from "./transport.ts";
import { Turn } from "./turn.ts";
import { isReadAtOnce, type TurnRequest } from "./turnRequest.ts";
import * as limits from "./workerLimits.ts";

/** A request unknown to the CLI, which it refuses at once, even in the middle of a turn. */
const PING = { subtype: "claude_virtual_api_ping" };

/** What a worker is made of. */
export interface WorkerParts {
  process: CliProcess;
  transport: Transport;
  logger: Logger;
  /** Milliseconds in which a busy process must show a sign of life, and an idle one before it is given a request. */
  silence?: number | undefined;
  wake?: number | undefined;
  cli?: Cli | undefined;
}

/**
 * One long-lived CLI process that serves many requests, one after the other.
 * The system prompt is given once and belongs to the process; everything else belongs to the request.
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
  /** The answers to what was asked in the middle of the turn: until they are there, it could still hit the next turn. */
  #midTurnRequests: Promise<unknown>[] = [];
  /** Whether the CLI logs upstream's headers, for which answers wait. */
  #logsHeaders = true;
  /** Why the process was ended, if not by itself. */
  #failure: ApiError | undefined;
  readonly #startupStderr: StartupStderr;
  /** Resolves when the process has ended and its pipes are closed. */
  readonly #gone: Promise<void>;
  readonly transport: Transport;
  readonly cli: Cli | undefined;
  /** The CLI's name of its session, which it has said before it is initialized. */
  sessionId: string | undefined;
  /** The digest of what it was given, while it has a request or counts. */
  conversation: string | undefined;
  /** The key of a helper that the process was started with. */
  helperKey: HelperKey | undefined;
  /** Requests served so far. */
  served = 0;

  constructor({
    process,
    transport,
    logger,
    silence = limits.SILENCE_LIMIT_MS,
    wake = limits.WAKE_LIMIT_MS,
    cli,
  }: WorkerParts) {
    this.#process = process;
    this.transport = transport;
    this.cli = cli;
    this.#logger = logger;
    this.#startupStderr = new StartupStderr(logger);
    this.#output = new CliOutput({
      process,
      logger,
      heard: (message) => this.#accept(message),
      diagnosed: (line) => this.#diagnose(line),
      dropped: () => this.#turn?.presumeSent(),
      unreadable: (reason) => this.end(cliUnreadable(reason)),
      isGivenUp: () => this.#failure !== undefined,
    });
    const ping = () => this.#control.request(PING, limits.PING_TIMEOUT_S).catch(() => {});
    this.#heartbeat = new Heartbeat({
      silence,
      wake,
      ping,
      isHeld: () => this.#output.isHeld,
      dead: (bound) => this.end(cliUnresponsive(bound / 1000)),
    });
    this.#gone = this.#output.ended.then((last) => this.#fail(last));
    // the answer shows when a blank worker is ready: from then on silence means that it hangs
    void ping();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The way of its calls to the API. */
  get route(): NetworkRoute {
    return this.#process.route;
  }

  get alive(): boolean {
    return !this.#process.ended && !this.#failure;
  }

  /** Whether it has something to do. */
  get isBusy(): boolean {
    return this.#turn !== undefined || this.#count !== undefined;
  }

  /** Why the user's helper gave no key to it. */
  get helperFailure(): string | undefined {
    return this.#startupStderr.helperFailure;
  }

  get exited(): Promise<string> {
    return this.#process.exited;
  }

  /**
   * Gives a blank worker its system prompt; one that was ready must answer at once. Throws `ApiError` when the CLI ends,
   * stays silent, runs without the one-call mod, or is not of the version that was checked: then it must not serve.
   */
  async initialize(system: string | EncodedJson): Promise<CliDescription> {
    const request = { subtype: "initialize", systemPrompt: system === "" ? [] : [system], systemPromptSnapshot: false };
    if (this.#heartbeat.hasHeard) this.#heartbeat.start();
    const { response } = await this.#control
      .request(request, limits.INITIALIZE_TIMEOUT_S)
      .catch((error) => {
        const isHelper = this.alive && this.helperKey !== undefined && !this.#heartbeat.hasHeard;
        throw isHelper ? helperSilent(limits.INITIALIZE_TIMEOUT_S) : error;
      })
      .finally(() => this.#heartbeat.stop());
    requireVersion(this.cli, response?.claude_code_version);
    const account = attributeToHelper(response?.account ?? {}, this.helperKey);
    const organization = await this.transport.mods.require(account, this.#ask);
    return { models: response?.models ?? [], account, ...(organization && { organization }) };
  }

  /**
   * Hands a request over and yields upstream's events up to `message_stop`, those that are there at once together. Throws `ApiError` when the answer does not
   * come or breaks off; ends early when `signal` is aborted. Afterwards, `settle` before the next request. `uninterrupted` leaves
   * the CLI to end the turn by itself, to see what it does then.
   */
  async *run(
    request: TurnRequest,
    signal: AbortSignal,
    uninterrupted = false,
  ): AsyncGenerator<StreamEvent[], void, undefined> {
    const { transport } = this;
    const settings = transport.settings(request);
    let triggered = false;
    let refusal: ApiError | undefined;
    const sendInterrupt = () => {
      if (uninterrupted || !triggered) return;
      this.#requestMidTurn({ subtype: "interrupt" });
    };
    const onFirstCall = transport.allowsMoreCalls
      ? () => this.#requestMidTurn({ subtype: "apply_flag_settings", settings: EMPTY_BODY_SETTINGS })
      : undefined;
    const outcome = transport.outcome(request);
    const turn = new Turn({ sendInterrupt, transport, outcome, awaitsHeaders: this.#logsHeaders, onFirstCall });
    const stop = () => turn.stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#begin(isReadAtOnce(request));
    this.#turn = turn;
    this.conversation = request.conversation;
    this.served += 1;
    try {
      if (settings && !signal.aborted) {
        await this.#control.request({ subtype: "apply_flag_settings", settings }, limits.SETTINGS_TIMEOUT_S);
        transport.accepted(request);
      }
      if (!signal.aborted) refusal = await transport.refusalOf(request, this.#ask);
      // not together with the settings: were they refused, those of the request before would be used
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

  /** Makes this worker one that counts. What it is given stays in its conversation, so it cannot serve requests after it. */
  count(): CountSession {
    this.#begin();
    const session = new CountSession({
      request: (request) => this.#control.request(request, limits.COUNT_TIMEOUT_S),
      write: (message) => this.#write(message),
    });
    this.#count = session;
    return session;
  }

  /** Makes this worker, which was started for that, one that counts exactly. */
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
   * Whether a fresh worker can take the last request over: this one ended, or failed it by itself, before it called
   * upstream. A fresh worker that fails a request by itself would only be followed by another that does.
   */
  get canHandOver(): boolean {
    const turn = this.#turn;
    if (!turn || turn.sent) return false;
    if (turn.isModBypassed) return true;
    return !this.alive || (turn.answeredLocally && this.served > 1);
  }

  /** Upstream's headers about the answer to the last request and about limits, from its first event on. */
  get headers(): Record<string, string> {
    return this.#turn?.headers ?? {};
  }

  /**
   * Resolves when the worker can take its next request; one that stays busy is killed. Resolves with whether it may
   * serve on: it lives, and the last request left nothing behind.
   */
  async settle(): Promise<boolean> {
    const turn = this.#turn;
    if (!turn) return this.alive;
    if (!(await resolvesWithin(limits.TURN_END_GRACE_MS, turn.ended))) turn.interrupt();
    const settled = turn.ended.then(() => Promise.all(this.#midTurnRequests));
    if (!(await resolvesWithin(limits.SETTLE_TIMEOUT_S * 1000, settled)))
      this.end(cliSilent("interrupt", limits.SETTLE_TIMEOUT_S));
    this.#turn = undefined;
    this.conversation = undefined;
    this.#midTurnRequests = [];
    const reason = turn.reasonToRetire ?? this.transport.mods.reasonToRetire;
    if (reason && this.alive) this.#logger.info(`worker ${this.pid} is replaced: ${reason}`);
    return this.alive && reason === undefined;
  }

  /** Ends the process at once; its request fails for this reason. */
  end(reason: ApiError): void {
    if (!this.alive) return;
    this.#failure = reason;
    this.#logger.warn(`worker ${this.pid}: ${reason.message}`);
    this.#process.kill();
  }

  /** Ends the process; resolves when it is gone and its file descriptors are free again. */
  async stop(): Promise<void> {
    await this.#process.stop();
    await resolvesWithin(limits.DRAIN_TIMEOUT_MS, this.#gone);
  }

  /** Call before anything that keeps the CLI busy. `isHeard` if its first sign of life comes without a ping. */
  #begin(isHeard = false): void {
    this.#output.reset();
    this.#heartbeat.start(isHeard);
  }

  #fail({ how, isRead }: LastOutput): void {
    if (!isRead) this.#turn?.presumeSent();
    this.#heartbeat.stop();
    const words = this.#startupStderr.organizationRefusal;
    const error = this.#failure ?? (words === undefined || this.served > 0 ? cliEnded(how) : cliForbidden(words));
    this.#control.fail(error);
    this.#turn?.fail(error);
    this.#count?.fail(error);
  }

  #accept(message: CliMessage): Promise<void> | void {
    if (!this.#heartbeat.hasHeard) this.#logger.debug(`worker ${this.pid} is ready`);
    this.#heartbeat.heard();
    this.sessionId ??= message.session_id;
    if (message.type === "control_response") return this.#acceptAnswer(message);
    if (this.transport.mods.accept(message)) this.#logger.debug(`worker ${this.pid} has loaded a mod`);
    else if (this.#count) this.#count.accept(message);
    else return this.#turn?.accept(message);
  }

  #diagnose(line: string): void {
    if (this.served === 0) this.transport.mods.addDiagnostic(line);
    if (this.served === 0) this.#startupStderr.add(line);
    this.#turn?.diagnose(line);
    this.#count?.diagnose(line);
  }

  /** Asks the CLI for something in the middle of a turn; where it fails, the turn goes on. */
  #requestMidTurn(request: ControlRequest): void {
    this.#midTurnRequests.push(this.#control.request(request, limits.MID_TURN_TIMEOUT_S).catch(() => {}));
  }

  #acceptAnswer({ response }: CliMessage): void {
    if (!this.#control.answer(response)) this.#logger.debug(`worker ${this.pid}: an answer that nothing waits for`);
  }

  #write(message: CliMessage): void {
    this.#process.write(...encodePieces(message));
  }
}
