import { notSignedIn } from "../../../api/cliErrors.ts";
import { proxyAsksForCredentials } from "../../../api/connectionErrors.ts";
import {
  ApiError,
  answerInterrupted,
  type ErrorExtras,
  notAStream,
  upstreamSilent,
  upstreamTimedOut,
  upstreamUnreachable,
} from "../../../api/errors.ts";
import type { Message } from "../../../api/events.ts";
import { describe, NO_REASON } from "../../../api/messageDescriptors.ts";
import { isLimitHeader, limitHeaders } from "../../../api/rateLimits.ts";
import { readMessage } from "../../../api/readMessage.ts";
import { clientStatus, statusOf, typeOf } from "../../../api/statuses.ts";
import type { NetworkRoute } from "../../process/network.ts";
import type { CliMessage } from "../../protocol/codec.ts";
import { MOD_REPORTS, modReport } from "../../protocol/modReports.ts";
import { connectionError, readHookError } from "../connectionFailure.ts";
import type { TurnOutcome } from "../transport.ts";
import { withoutCliWording } from "../unredact.ts";
import { isForwarded, type RateLimitInfo, subscriptionHeaders } from "../upstreamHeaders.ts";
import { type AnswerHead, REWRITE_MOD, readModAnswer } from "./rewriteMod.ts";

/** Put before upstream's message when a mod changed the status to 499. */
const HOOK_PREFIX = "A mod's http.fetch hook stopped this request: ";
/** Text before a body that is not an error envelope. */
const HOOK_STATUS = /^499( |$)/;
/** The CLI measures silence from the bytes, this class from their event. */
const SILENCE_FRACTION = 0.9;
/** Text before an answer that came as one JSON. */
const WHOLE_ANSWER_PREFIX = `${HOOK_PREFIX}499 `;

/**
 * Collects what our mod and the CLI report on stdout, in sequence with the events: upstream's status and headers, and a
 * refusal's message.
 */
export class RewriteOutcome implements TurnOutcome {
  readonly #route: NetworkRoute | undefined;
  readonly #streamIdleTimeout: number;
  #head: AnswerHead | undefined;
  #headers: Record<string, string> = {};
  /** What the mod got instead of an answer. */
  #hookError: string | undefined;
  #reported: CliMessage | undefined;
  #denied = false;
  /** When the last event came (`performance.now()`), and whether the CLI gave up after a long silence. */
  #lastEventAt = Number.POSITIVE_INFINITY;
  #wasSilent = false;
  #limit: RateLimitInfo | undefined;

  /** Everything arrives in sequence, so nothing needs to be awaited. */
  readonly headersReady = Promise.resolve();
  readonly errorSeen = Promise.resolve();

  constructor(route: NetworkRoute | undefined, streamIdleTimeout: number) {
    this.#route = route;
    this.#streamIdleTimeout = streamIdleTimeout;
  }

  get headers(): Record<string, string> {
    return this.#headers;
  }

  get hasHeaders(): boolean {
    return this.#head !== undefined;
  }

  get denied(): boolean {
    return this.#denied;
  }

  get refusedStatus(): number | undefined {
    const status = this.#head?.status ?? this.#reported?.api_error_status;
    return status === undefined || status < 300 ? undefined : status;
  }

  addStderrLine(): void {}

  addModReport(message: CliMessage): void {
    if (modReport(message, REWRITE_MOD.name) === MOD_REPORTS.denied) this.#deny();
    const answer = readModAnswer(message);
    if (!answer) return;
    if ("failure" in answer) {
      this.#hookError = answer.failure;
      return;
    }
    this.#head = answer.head;
    this.#headers = Object.fromEntries(Object.entries(answer.head.headers).filter(([name]) => isForwarded(name)));
  }

  addEvent(): void {
    this.#lastEventAt = performance.now();
  }

  addErrorMessage(message: CliMessage): void {
    // a denied call adds its own report, which does not describe upstream
    if (!this.#denied) this.#reported ??= message;
    this.#limit = message.api_error_params?.rate_limit_info ?? this.#limit;
  }

  addRateLimit(info: RateLimitInfo): void {
    this.#limit = info;
  }

  wholeAnswer(): Message | undefined {
    const reportText: unknown = this.#reported?.message?.content?.[0]?.text;
    if (this.#head?.status !== 200 || typeof reportText !== "string" || !reportText.startsWith(WHOLE_ANSWER_PREFIX))
      return undefined;
    return readMessage(reportText.slice(WHOLE_ANSWER_PREFIX.length));
  }

  toError(result: CliMessage, begun: boolean): ApiError {
    const report = this.#reported;
    const status = this.#head?.status;
    const requestId = this.#headers["request-id"];
    if (status === 407) return proxyAsksForCredentials(this.#route?.proxy);
    if (status !== undefined && status >= 300) return this.#refusal(status, report);
    if (this.#wasSilent && !report) return upstreamSilent(this.#streamIdleTimeout / 1000);
    if (this.#denied && !report && status !== undefined)
      return answerInterrupted(
        "its server failed without giving a reason.",
        requestId,
        describe("server_failed_silently", {}),
      );
    const reportText = String(report?.message?.content?.[0]?.text ?? "");
    const reason = result.is_error ? (result.result ?? result.errors?.[0]) : undefined;
    const message = withoutCliWording(reportText || String(reason ?? NO_REASON));
    if (report?.api_error_type !== undefined) return this.#errorEvent(report.api_error_type, message, report);
    if (report?.api_error === "stream_idle_timeout") return upstreamSilent(this.#streamIdleTimeout / 1000);
    if (status === undefined) return this.#withoutAnswer(message, report);
    const contentType = this.#head?.headers["content-type"];
    if (!begun && contentType !== undefined && !/event-?stream/.test(contentType)) {
      return notAStream(contentType, requestId);
    }
    return answerInterrupted(message, requestId);
  }

  /** Upstream did not answer, or the CLI did not call. */
  #withoutAnswer(message: string, report: CliMessage | undefined): ApiError {
    const status: unknown = report?.api_error_status;
    if (typeof status === "number" && report) return this.#errorEvent(typeOf(status), message, report, status);
    if (report?.error === "authentication_failed") return notSignedIn();
    if (message.startsWith("Request timed out")) return upstreamTimedOut(message);
    return this.#unconnected(report) ?? upstreamUnreachable(message);
  }

  /** For a broken answer that it wants to continue, the CLI does not report why it broke. */
  #deny(): void {
    this.#denied = true;
    const silence = performance.now() - this.#lastEventAt;
    this.#wasSilent ||= this.#streamIdleTimeout > 0 && silence >= SILENCE_FRACTION * this.#streamIdleTimeout;
  }

  #unconnected(report: CliMessage | undefined): ApiError | undefined {
    if (this.#hookError === undefined) return undefined;
    const failure = readHookError(this.#hookError, report?.api_error, report?.message?.content?.[0]?.text);
    return failure && connectionError(failure, this.#route);
  }

  /** A refusal with the message of upstream or a gateway. */
  #refusal(status: number, report: CliMessage | undefined): ApiError {
    const reportText = String(report?.message?.content?.[0]?.text ?? NO_REASON);
    const message = reportText.startsWith(HOOK_PREFIX)
      ? reportText.slice(HOOK_PREFIX.length)
      : withoutCliWording(reportText);
    const isEnvelope = report?.api_error_type !== undefined;
    return new ApiError(
      clientStatus(status),
      report?.api_error_type ?? typeOf(status),
      isEnvelope ? message : message.replace(HOOK_STATUS, "") || NO_REASON,
      { headers: this.#refusalHeaders(status), ...this.#ofRequest(report) },
    );
  }

  #errorEvent(type: string, message: string, report: CliMessage, status = statusOf(type) ?? 500): ApiError {
    return new ApiError(clientStatus(status), type, message, this.#ofRequest(report));
  }

  /** The request id, and the code, all that the CLI reports of `error.details`. */
  #ofRequest(report: CliMessage | undefined): ErrorExtras {
    const requestId = report?.request_id ?? this.#headers["request-id"];
    const code: unknown = report?.api_error_type === undefined ? undefined : report.api_error_code;
    return { ...(requestId && { requestId }), ...(typeof code === "string" && { details: { error_code: code } }) };
  }

  /** Upstream's headers, plus the rate limits that the CLI reported if upstream sent none. */
  #refusalHeaders(status: number): Record<string, string> {
    const limits = Object.keys(this.#headers).some(isLimitHeader) ? {} : subscriptionHeaders(this.#limit);
    return limitHeaders(status, { ...this.#headers, ...limits });
  }
}
