import { cliEnded, cliForbidden, cliUnreadable, cliUnresponsive, helperSilent } from "../api/cliErrors.ts";
import type { ApiError } from "../api/errors.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { type Cli, requireVersion } from "./locate/locate.ts";
import { CliOutput, DRAIN_TIMEOUT_MS, type LastOutput } from "./process/cliOutput.ts";
import type { CliProcess } from "./process/cliProcess.ts";
import { Heartbeat } from "./process/heartbeat.ts";
import type { NetworkRoute } from "./process/network.ts";
import { type CliMessage, encodePieces } from "./protocol/codec.ts";
import { ControlChannel, type ControlRequest } from "./protocol/controlChannel.ts";
import type { EncodedJson } from "./protocol/encodedJson.ts";
import type { Session, SessionLink } from "./session.ts";
import type { CliDescription } from "./signIn/description.ts";
import { attributeToHelper, type HelperKey } from "./signIn/helperKey.ts";
import { StartupStderr } from "./signIn/startupStderr.ts";
import type { Transport } from "./transport/transport.ts";

/** Time limits, far above the milliseconds that these take. */
const INITIALIZE_TIMEOUT_S = 60;
const REQUEST_TIMEOUT_S = 120;
/** The limits of silence apply first. */
const PING_TIMEOUT_S = 600;
/** Time within which a busy process must write something. */
const SILENCE_LIMIT_MS = 60_000;
/** Time within which an idle process must answer before it gets a request. */
const WAKE_LIMIT_MS = 5000;

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
export class Worker implements SessionLink {
  readonly #process: CliProcess;
  readonly #logger: Logger;
  readonly #control = new ControlChannel((message) => this.write(message));
  readonly #output: CliOutput;
  readonly #heartbeat: Heartbeat;
  /** Undefined while idle. */
  #session: Session | undefined;
  #failure: ApiError | undefined;
  readonly #startupStderr: StartupStderr;
  /** Resolves when the process has ended and its pipes are closed. */
  readonly #gone: Promise<void>;
  readonly transport: Transport;
  readonly cli: Cli | undefined;
  /** The CLI's session id, known before the worker is initialized. */
  sessionId: string | undefined;
  helperKey: HelperKey | undefined;
  served = 0;

  constructor(parts: WorkerParts) {
    const { process, transport, logger, silenceLimit = SILENCE_LIMIT_MS, wakeLimit = WAKE_LIMIT_MS, cli } = parts;
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
      onStderrDropped: () => this.#session?.presumeSent?.(),
      onUnreadable: (reason) => this.end(cliUnreadable(reason)),
      isGivenUp: () => this.#failure !== undefined,
    });
    const ping = () => this.#control.request(PING, PING_TIMEOUT_S).catch(() => {});
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

  /** Digest of the current request or count; undefined while idle. */
  get contentDigest(): string | undefined {
    return this.#session?.contentDigest;
  }

  get isBusy(): boolean {
    return this.#session !== undefined;
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
      .request(request, INITIALIZE_TIMEOUT_S)
      .catch((error) => {
        const isHelper = this.alive && this.helperKey !== undefined && !this.#heartbeat.hasResponded;
        throw isHelper ? helperSilent(INITIALIZE_TIMEOUT_S) : error;
      })
      .finally(() => this.#heartbeat.stop());
    requireVersion(this.cli, response?.claude_code_version);
    const account = attributeToHelper(response?.account ?? {}, this.helperKey);
    const organization = await this.transport.mods.verify(account, (subtype) => this.request({ subtype }));
    return { models: response?.models ?? [], account, ...(organization && { organization }) };
  }

  /** Gives the process's output to this session. The one before must have settled. */
  begin<S extends Session>(session: S): S {
    this.#session = session;
    return session;
  }

  /**
   * Resolves when the worker is ready for the next request, false if it must not serve again. Kills one that stays
   * busy.
   */
  async settle(): Promise<boolean> {
    if (!this.#session?.settle) return this.alive;
    const reasonToRetire = await this.#session.settle();
    this.#session = undefined;
    const reason = reasonToRetire ?? this.transport.mods.reasonToRetire;
    if (reason && this.alive) this.#logger.info(`worker ${this.pid} is replaced: ${reason}`);
    return this.alive && reason === undefined;
  }

  request(request: ControlRequest, seconds = REQUEST_TIMEOUT_S): Promise<CliMessage> {
    return this.#control.request(request, seconds);
  }

  write(message: CliMessage): void {
    this.#process.write(...encodePieces(message));
  }

  expectOutput(respondsAtOnce = false): void {
    this.#output.reset();
    this.#heartbeat.start(respondsAtOnce);
  }

  allowSilence(): void {
    this.#heartbeat.stop();
  }

  /** Kills the process; its session fails with this reason. */
  end(reason: ApiError): void {
    if (!this.alive) return;
    this.#failure = reason;
    this.#logger.warn(`worker ${this.pid}: ${reason.message}`);
    this.#process.kill();
  }

  /** Stops the process; resolves when it is gone and its file descriptors are free. */
  async stop(): Promise<void> {
    await this.#process.stop();
    await resolvesWithin(DRAIN_TIMEOUT_MS, this.#gone);
  }

  #fail({ ending, isComplete }: LastOutput): void {
    if (!isComplete) this.#session?.presumeSent?.();
    this.#heartbeat.stop();
    const refusal = this.#startupStderr.organizationRefusal;
    const error =
      this.#failure ?? (refusal === undefined || this.served > 0 ? cliEnded(ending) : cliForbidden(refusal));
    this.#control.fail(error);
    this.#session?.fail(error);
  }

  #accept(message: CliMessage): Promise<void> | void {
    if (!this.#heartbeat.hasResponded) this.#logger.debug(`worker ${this.pid} is ready`);
    this.#heartbeat.onMessage();
    this.sessionId ??= message.session_id;
    if (message.type === "control_response") return this.#acceptAnswer(message);
    if (this.transport.mods.accept(message)) this.#logger.debug(`worker ${this.pid} loaded a mod`);
    else return this.#session?.accept(message);
  }

  #onStderrLine(line: string): void {
    if (this.served === 0) this.transport.mods.addStderrLine(line);
    if (this.served === 0) this.#startupStderr.add(line);
    this.#session?.onStderrLine(line);
  }

  #acceptAnswer({ response }: CliMessage): void {
    if (!this.#control.answer(response))
      this.#logger.debug(`worker ${this.pid}: received a reply to no pending request`);
  }
}
