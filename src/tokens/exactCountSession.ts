import { randomUUID } from "node:crypto";
import { ApiError } from "../api/errors.ts";
import { limitHeaders } from "../api/rateLimits.ts";
import type { CliMessage } from "../claude/protocol/codec.ts";
import type { ControlRequest } from "../claude/protocol/controlChannel.ts";
import type { EncodedJson } from "../claude/protocol/encodedJson.ts";
import { MOD_REPORTS, modReport } from "../claude/protocol/modReports.ts";
import { triggerOf } from "../claude/protocol/trigger.ts";
import type { Session, SessionLink } from "../claude/session.ts";
import { parseEnvelope } from "../claude/transport/overlay/overlayOutcome.ts";
import { ABANDON_TEXT, COUNT_MOD, REFUSED_STATUS, SEED_TEXT } from "../claude/transport/rewrite/countMod.ts";
import { type AnswerHead, type ModAnswer, readModAnswer } from "../claude/transport/rewrite/rewriteMod.ts";
import { TransportUnavailable } from "../claude/transport/transport.ts";
import { isForwarded } from "../claude/transport/upstreamHeaders.ts";
import { Deferred } from "../shared/deferred.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { COUNT_REQUEST_TIMEOUT_S } from "./overlayCountSession.ts";

export interface CountRequest {
  /** Alias or id; the CLI resolves it. */
  model: string;
  /** Text for the mod (see instruction.ts); a large one as JSON. */
  instruction: string | EncodedJson;
  /** Digest of what is counted, to detect a loop. */
  contentDigest?: string;
}

/** The API did not count; estimate instead. */
export class CountUnavailable extends Error {}

/** How far stderr may lag behind stdout. */
const STDERR_LAG_MS = 1000;
/** Statuses that say nothing about the request. */
const TRANSIENT_STATUSES = new Set([408, 409, 429]);
const COUNT_FAILED_LINE = new RegExp(`countTokens API call failed: ${REFUSED_STATUS} (.*)`, "s");
const ESTIMATED_TEXT = "count unavailable, estimating";
/** Words that the CLI redacts like a value, after the word `token`. */
const REDACTED_WORD = /: \[REDACTED\] (inputs are|should|required)/g;
const RESTORED_WORDS: Record<string, string> = { "inputs are": "Extra", should: "Input", required: "Field" };

/** Counts bodies on one worker, one after the other, with the API's free counter. */
export class ExactCountSession implements Session {
  readonly #link: SessionLink;
  contentDigest: string | undefined;
  #model: string | undefined;
  #answerReport: ModAnswer | undefined;
  #isTaken = false;
  #isDenied = false;
  #refusalText: string | undefined;
  /** Whether the CLI estimated, because the reply had no number. */
  #isEstimated = false;
  #refusalTextSeen = new Deferred();
  /** Prompts, and the seed, that the CLI is still processing. */
  readonly #pending: { resolve(): void; reject(error: ApiError): void }[] = [];
  #ended: ApiError | undefined;

  constructor(link: SessionLink) {
    this.#link = link;
  }

  /** Call once. Throws `ApiError`, and `TransportUnavailable` if the CLI does not ask the mod. */
  async begin(): Promise<void> {
    this.#link.expectOutput();
    try {
      // the CLI confirms only messages that have an id
      const seed = { ...triggerOf(SEED_TEXT), uuid: randomUUID(), shouldQuery: false };
      await this.#write(seed);
      this.#isDenied = false;
      await this.#ask();
      if (!this.#isDenied) throw this.#bypassed();
    } finally {
      this.#link.allowSilence();
    }
  }

  /**
   * Makes no paid call. Throws upstream's refusal, `CountUnavailable`, and `TransportUnavailable` if the CLI does not
   * ask the mod.
   */
  async count({ model, instruction, contentDigest }: CountRequest, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    this.#link.served += 1;
    this.contentDigest = contentDigest;
    this.#link.expectOutput();
    const abandon = () => void this.#prompt(ABANDON_TEXT).catch(() => {});
    try {
      await this.#choose(model);
      this.#reset();
      await this.#prompt(instruction);
      if (!this.#isTaken) throw this.#bypassed();
      signal.addEventListener("abort", abandon, { once: true });
      if (signal.aborted) abandon();
      this.#refusalTextSeen = new Deferred();
      const tokens = await this.#ask();
      // by the time of another reply, stderr written before has been read
      await this.#request({ subtype: "mcp_status" });
      const head = this.#answer();
      if (head.status >= 300) {
        if (this.#refusalText === undefined) await resolvesWithin(STDERR_LAG_MS, this.#refusalTextSeen.promise);
        throw refusal(head, this.#refusalText);
      }
      if (tokens === undefined || this.#isEstimated) throw new CountUnavailable("the API's reply has no count");
      return tokens;
    } finally {
      signal.removeEventListener("abort", abandon);
      this.contentDigest = undefined;
      this.#link.allowSilence();
    }
  }

  accept(message: CliMessage): void {
    const report = modReport(message, COUNT_MOD.name);
    if (report === MOD_REPORTS.turnStarted) this.#isTaken = true;
    if (report === MOD_REPORTS.countDenied) this.#isDenied = true;
    this.#answerReport = readModAnswer(message, COUNT_MOD.name) ?? this.#answerReport;
    if (isDone(message)) this.#pending.shift()?.resolve();
  }

  onStderrLine(line: string): void {
    if (line.includes(ESTIMATED_TEXT)) this.#isEstimated = true;
    const [, text] = COUNT_FAILED_LINE.exec(line) ?? [];
    if (text === undefined) return;
    this.#refusalText ??= text;
    this.#refusalTextSeen.resolve();
  }

  fail(error: ApiError): void {
    this.#ended = error;
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }

  #reset(): void {
    this.#answerReport = undefined;
    this.#isTaken = false;
    this.#isDenied = false;
    this.#refusalText = undefined;
    this.#isEstimated = false;
  }

  #request(request: ControlRequest): Promise<CliMessage> {
    return this.#link.request(request, COUNT_REQUEST_TIMEOUT_S);
  }

  async #choose(model: string): Promise<void> {
    if (model === this.#model) return;
    await this.#request({ subtype: "apply_flag_settings", settings: { model } });
    this.#model = model;
  }

  #prompt(text: string | EncodedJson): Promise<void> {
    return this.#write(triggerOf(text));
  }

  #write(message: CliMessage): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    const done = new Promise<void>((resolve, reject) => this.#pending.push({ resolve, reject }));
    this.#link.write(message);
    return done;
  }

  /** The CLI asks the API for the tokens of its conversation; the mod replaces the question. */
  async #ask(): Promise<number | undefined> {
    const { response } = await this.#request({ subtype: "get_context_usage" });
    return response?.categories?.find(({ id }: { id?: string }) => id === "messages")?.tokens;
  }

  #answer(): AnswerHead {
    if (this.#answerReport && "head" in this.#answerReport) return this.#answerReport.head;
    if (this.#answerReport) throw new CountUnavailable(this.#answerReport.failure);
    if (!this.#isDenied) throw this.#bypassed();
    throw new CountUnavailable("Claude Code uses another counter");
  }

  #bypassed(): TransportUnavailable {
    this.#link.transport.mods.addBypass();
    return new TransportUnavailable("Claude Code does not ask mods about counts");
  }
}

/** Whether the CLI has processed a line: a prompt ends with a result, the seed without. */
function isDone({ type, state }: CliMessage): boolean {
  return type === "result" || (type === "command_lifecycle" && state === "completed");
}

/** Upstream's refusal, or `CountUnavailable` if it is not about the request. */
function refusal({ status, headers }: AnswerHead, text: string | undefined): ApiError | CountUnavailable {
  const envelope = parseEnvelope(text);
  if (!envelope || status < 400 || status >= 500 || TRANSIENT_STATUSES.has(status)) {
    return new CountUnavailable(`${status} ${envelope?.error.message ?? text ?? ""}`.slice(0, 1000));
  }
  const { type, message } = envelope.error;
  const requestId = envelope.request_id ?? headers["request-id"];
  const passed = Object.fromEntries(Object.entries(headers).filter(([name]) => isForwarded(name)));
  return new ApiError(
    status,
    type,
    message.replace(REDACTED_WORD, (_, rest: string) => `: ${RESTORED_WORDS[rest]} ${rest}`),
    {
      headers: limitHeaders(status, passed),
      ...(requestId && { requestId }),
    },
  );
}
