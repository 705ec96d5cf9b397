import { type ApiError, cliEnded, cliSilent } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import { lines } from "../shared/lines.ts";
import type { Logger } from "../shared/logger.ts";
import type { CliProcess } from "./cliProcess.ts";
import { type CliMessage, encode, messages } from "./codec.ts";
import { CountSession } from "./countSession.ts";
import { Turn } from "./turn.ts";
import { type TurnRequest, trigger, turnSettings } from "./turnSettings.ts";
import { isSdkLog } from "./upstreamHeaders.ts";

/** What the CLI tells of itself when it is initialized; fields as in its own protocol. */
export interface CliDescription {
  models: CliModel[];
  account: { tokenSource?: string; apiKeySource?: string; apiProvider?: string };
}

export interface CliModel {
  value: string;
  resolvedModel?: string;
  displayName?: string;
  description?: string;
}

/** Hang bounds in seconds, far above the milliseconds these take. */
const INITIALIZE_TIMEOUT = 60;
const COUNT_TIMEOUT = 60;
const SETTLE_TIMEOUT = 5;
const LAST_WORDS_TIMEOUT = 1;

interface Pending {
  resolve(response: CliMessage): void;
  reject(error: ApiError): void;
}

/**
 * One long-lived CLI process that serves many requests, one after the other.
 * The system prompt is given once and belongs to the process; everything else belongs to the request.
 */
export class Worker {
  readonly #process: CliProcess;
  readonly #logger: Logger;
  readonly #pending = new Map<string, Pending>();
  #turn: Turn | undefined;
  #count: CountSession | undefined;
  /** The answer to the last interrupt: until it is there, the interrupt could still hit the next turn. */
  #interrupted: Promise<unknown> | undefined;
  /** Whether the CLI tells of upstream's headers, for which answers wait. */
  #tellsHeaders = true;
  #requestCount = 0;
  /** Requests served so far. */
  served = 0;

  constructor(process: CliProcess, logger: Logger) {
    this.#process = process;
    this.#logger = logger;
    void this.#read();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get alive(): boolean {
    return !this.#process.ended;
  }

  get exited(): Promise<string> {
    return this.#process.exited;
  }

  /** Gives a blank worker its system prompt. Throws `ApiError` when the CLI ends or stays silent. */
  async initialize(system: string): Promise<CliDescription> {
    const systemPrompt = system === "" ? [] : [system];
    const answered = this.#request({ subtype: "initialize", systemPrompt, systemPromptSnapshot: false });
    const { response } = await this.#within(INITIALIZE_TIMEOUT, "initialize", answered);
    return { models: response?.models ?? [], account: response?.account ?? {} };
  }

  /**
   * Hands a request over and yields upstream's events up to `message_stop`. Throws `ApiError` when the answer does not
   * come or breaks off; ends early when `signal` is aborted. Afterwards, `settle` before the next request. `alone` leaves
   * the CLI to end the turn by itself, to see what it does then.
   */
  async *run(request: TurnRequest, signal: AbortSignal, alone = false): AsyncGenerator<StreamEvent, void, undefined> {
    const settings = turnSettings(request);
    const interrupt = () => {
      if (alone) return;
      this.#interrupted = this.#request({ subtype: "interrupt" });
      this.#interrupted.catch(() => {});
    };
    const turn = new Turn(interrupt, this.#tellsHeaders, request.body);
    const stop = () => turn.stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#turn = turn;
    this.served += 1;
    try {
      if (!this.alive) turn.fail(cliEnded(await this.exited));
      // one write for both, so that nothing comes between the settings and the turn they are for
      this.#write(this.#control({ subtype: "apply_flag_settings", settings }), trigger);
      if (signal.aborted) turn.stop();
      yield* turn.events;
    } finally {
      signal.removeEventListener("abort", stop);
      turn.stop();
      if (turn.lacksHeaders) this.#tellsHeaders = false;
    }
  }

  /** Makes this worker one that counts. What it is given stays in its conversation, so it cannot serve requests after it. */
  count(): CountSession {
    this.#count = new CountSession({
      request: (request) => this.#within(COUNT_TIMEOUT, "count", this.#request(request)),
      write: (message) => this.#write(message),
    });
    return this.#count;
  }

  /** Whether the last request may have reached upstream; if not, another worker can take it over. */
  get sent(): boolean {
    return this.#turn?.sent ?? false;
  }

  /** Upstream's headers about the answer to the last request and about limits, from its first event on. */
  get headers(): Record<string, string> {
    return this.#turn?.headers ?? {};
  }

  /** Resolves when the worker can take its next request; one that stays busy is killed. Tells whether it lives. */
  async settle(): Promise<boolean> {
    const turn = this.#turn;
    if (!turn) return this.alive;
    const settled = Promise.all([turn.ended, this.#interrupted]);
    await this.#within(SETTLE_TIMEOUT, "interrupt", settled).catch((error: ApiError) => {
      this.#logger.warn(`worker ${this.pid}: ${error.message}`);
      this.#process.kill();
    });
    this.#turn = undefined;
    return this.alive;
  }

  /** Ends the process; resolves when it is gone. */
  async stop(): Promise<void> {
    await this.#process.stop();
  }

  async #read(): Promise<void> {
    const diagnosed = this.#readDiagnostics();
    await this.#readMessages();
    const error = cliEnded(await this.exited);
    // what was said last decides whether the request was sent, but a helper of the CLI may hold the pipe open
    await this.#within(LAST_WORDS_TIMEOUT, "stderr", diagnosed).catch(() => {});
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#turn?.fail(error);
    this.#count?.fail(error);
  }

  async #readMessages(): Promise<void> {
    try {
      const stray = (line: string) => {
        if (!isSdkLog(line)) this.#logger.debug(`worker ${this.pid}: ${line}`);
      };
      for await (const message of messages(this.#process.stdout, stray)) {
        if (message.type === "control_response") this.#settleRequest(message.response);
        else if (this.#count) this.#count.accept(message);
        else await this.#turn?.accept(message);
      }
    } catch (error) {
      this.#logger.error(`worker ${this.pid}: ${(error as Error).message}`);
      this.#process.kill();
    }
  }

  async #readDiagnostics(): Promise<void> {
    try {
      for await (const line of lines(this.#process.stderr)) {
        this.#turn?.diagnose(line);
        this.#count?.diagnose(line);
        if (!isSdkLog(line)) this.#logger.trace(`worker ${this.pid}: ${line}`);
      }
    } catch (error) {
      this.#logger.debug(`worker ${this.pid}: ${(error as Error).message}`);
    }
  }

  #settleRequest(response: CliMessage): void {
    const pending = this.#pending.get(response.request_id);
    this.#pending.delete(response.request_id);
    pending?.resolve(response);
  }

  #request(request: object): Promise<CliMessage> {
    const message = this.#control(request);
    return new Promise((resolve, reject) => {
      this.#pending.set(message.request_id, { resolve, reject });
      if (this.alive) this.#write(message);
      else void this.exited.then((how) => reject(cliEnded(how)));
    });
  }

  #control(request: object): CliMessage {
    this.#requestCount += 1;
    return { type: "control_request", request_id: `cva-${this.#requestCount}`, request };
  }

  #write(...messages: CliMessage[]): void {
    this.#process.write(messages.map(encode).join(""));
  }

  async #within<T>(seconds: number, what: string, promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(cliSilent(what, seconds)), seconds * 1000);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }
}
