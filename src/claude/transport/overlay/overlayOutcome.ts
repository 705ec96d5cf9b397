import { notSignedIn } from "../../../api/cliErrors.ts";
import { proxyAsksForCredentials } from "../../../api/connectionErrors.ts";
import {
  ApiError,
  answerInterrupted,
  machineSlept,
  notAStream,
  upstreamSilent,
  upstreamTimedOut,
  upstreamUnreachable,
} from "../../../api/errors.ts";
import { describe, NO_REASON } from "../../../api/messageDescriptors.ts";
import { isLimitHeader, limitHeaders } from "../../../api/rateLimits.ts";
import { clientStatus, statusOf, typeOf } from "../../../api/statuses.ts";
import { tryParseJson } from "../../../api/tryParseJson.ts";
import { Deferred } from "../../../shared/deferred.ts";
import type { NetworkRoute } from "../../process/network.ts";
import { isSdkLog } from "../../process/stderrReader.ts";
import type { CliMessage } from "../../protocol/codec.ts";
import {
  announcesConnectionFailure,
  type ConnectionFailure,
  connectionError,
  readConnectionFailure,
} from "../connectionFailure.ts";
import type { TurnOutcome } from "../transport.ts";
import { isRedacted, parseableReadings, unredact, withoutCliWording } from "../unredact.ts";
import { type RateLimitInfo, subscriptionHeaders, UpstreamHeaders } from "../upstreamHeaders.ts";

interface Envelope {
  error: { type: string; message: string; details?: Record<string, unknown> | null };
  request_id?: string;
}

/** A quoted error; without status if it was an error event. */
interface Quotation {
  status: number | undefined;
  envelope: Envelope;
}

/** `API error (attempt 1/1): 404 404 {…}`: a refusal with upstream's status and message, JSON or not. */
const REFUSED_LINE = /API error \(attempt \d{1,6}\/\d{1,6}\): (\d{3}) (?:\d{3} )?/;
/** An error event in an open stream; after a complete block, sometimes `Error in API request: {…}`. */
const BROKEN_STREAM_LINE = /Error streaming|Error in API request: (?=\{)/;
/** Any failure. For an overload after a complete block, the CLI logs only the last form. */
const FAILURE_LINE = /\[ERROR\] (API error \(attempt|Error streaming|Error in API request: \{)|Mid-stream server error/;
/** How the CLI gives up on a silent upstream: in mid-stream, after sleep, before any answer. */
const GAVE_UP_LINES = [
  { line: /\[byte-watchdog\] firing: idle=(\d{1,9})ms/, toError: (ms: number) => upstreamSilent(ms / 1000) },
  { line: /\[byte-watchdog\] aborting: .{0,100}slept=/, toError: () => machineSlept() },
  { line: /\[first-byte\] no response headers (\d{1,9})/, toError: (seconds: number) => upstreamSilent(seconds) },
];

/**
 * Collects what the CLI reports about a failed turn. stdout rewords upstream's error; debug lines on stderr quote it.
 * Only the first failure is upstream's answer.
 */
export class OverlayOutcome implements TurnOutcome {
  #quoted: Quotation | undefined;
  /** A refusal whose body was not an error envelope. */
  #refused: { status: number; message: string } | undefined;
  #givenUp: ApiError | undefined;
  #unconnected: ConnectionFailure | undefined;
  #reported: CliMessage | undefined;
  #denied = false;
  #limit: RateLimitInfo | undefined;
  readonly #upstream = new UpstreamHeaders();
  readonly #request: Record<string, unknown>;
  readonly #route: NetworkRoute | undefined;
  #complete = false;
  readonly #errorSeen = new Deferred();

  readonly errorSeen = this.#errorSeen.promise;

  /** `request` is the body sent, `route` its network route. */
  constructor(request: Record<string, unknown> = {}, route?: NetworkRoute) {
    this.#request = request;
    this.#route = route;
  }

  /** Available once `headersReady` has resolved. */
  get headers(): Record<string, string> {
    return this.#upstream.current;
  }

  get headersReady(): Promise<void> {
    return this.#upstream.ready;
  }

  get hasHeaders(): boolean {
    return this.#upstream.isComplete;
  }

  get denied(): boolean {
    return this.#denied;
  }

  get refusedStatus(): number | undefined {
    return this.#quoted?.status ?? this.#refused?.status ?? this.#reported?.api_error_status;
  }

  addStderrLine(line: string): void {
    if (this.#complete) return;
    if (isSdkLog(line)) this.#upstream.add(line);
    else if (FAILURE_LINE.test(line)) this.#quote(line);
    else if (!this.#disconnect(line)) this.#giveUp(line);
  }

  /** This transport always streams. */
  wholeAnswer(): undefined {}

  /** stderr does not depend on events. */
  addEvent(): void {}

  /** The mod of this transport reports nothing about answers. */
  addModReport(): void {}

  addErrorMessage(message: CliMessage): void {
    // our mod denied a further call, which the CLI made because of the failure
    if (message.api_error === "hook_denied") this.#denied = true;
    else this.#reported ??= message;
    // unlike the event, it comes with every refusal, but only in newer versions
    this.#limit = message.api_error_params?.rate_limit_info ?? this.#limit;
  }

  /** The CLI sends a `rate_limit_event` only when the limit changes. */
  addRateLimit(info: RateLimitInfo): void {
    this.#limit = info;
  }

  /** The client's error for a turn without a complete answer. `begun`: the answer had begun. */
  toError(result: CliMessage, begun: boolean): ApiError {
    const report = this.#reported;
    const reportText = String(report?.message?.content?.[0]?.text ?? "");
    if (this.#givenUp) return this.#givenUp;
    if (this.#quoted) return this.#quotedError(this.#quoted, reportText);
    const { requestId } = this.#ofRequest();
    if (this.#refused) {
      const { status, message } = this.#refused;
      if (status === 407) return proxyAsksForCredentials(this.#route?.proxy);
      // the CLI's message serves users better than JSON that is not an error envelope
      return this.#refusal(
        status,
        message.startsWith("{") && reportText ? withoutCliWording(reportText) : this.#unredact(message, reportText),
        report,
      );
    }
    if (this.#denied && !report) {
      return answerInterrupted(
        "its server failed without giving a reason.",
        requestId,
        describe("server_failed_silently", {}),
      );
    }
    // a successful turn has the answer in this place
    const reason = result.is_error ? (result.result ?? result.errors?.[0]) : undefined;
    const message = withoutCliWording(reportText || String(reason ?? NO_REASON));
    const status = report?.api_error_status ?? result.api_error_status;
    if (typeof status === "number") return this.#refusal(status, message, report);
    if (report?.error === "authentication_failed") return notSignedIn();
    if (message.startsWith("Request timed out")) return upstreamTimedOut(message);
    const { contentType, hasAnswered } = this.#upstream;
    const unconnected = this.#unconnected && !begun && !hasAnswered && connectionError(this.#unconnected, this.#route);
    if (unconnected) return unconnected;
    if (!begun && contentType !== undefined && !/event-?stream/.test(contentType)) {
      return notAStream(contentType, requestId);
    }
    return begun || hasAnswered
      ? answerInterrupted(message, requestId)
      : upstreamUnreachable(message, this.#unconnected?.code);
  }

  #disconnect(line: string): boolean {
    this.#unconnected = readConnectionFailure(line);
    if (this.#unconnected) this.#conclude();
    return this.#unconnected !== undefined;
  }

  #quote(line: string): void {
    // the next line has the details
    if (announcesConnectionFailure(line)) return;
    this.#conclude();
    const refused = REFUSED_LINE.exec(line);
    const found = refused ?? BROKEN_STREAM_LINE.exec(line);
    const quoted = found ? line.slice(found.index + found[0].length).trimEnd() : "";
    const envelope = parseEnvelope(between(quoted, "{", "}"));
    if (envelope) this.#quoted = { status: refused ? Number(refused[1]) : undefined, envelope };
    else if (refused) this.#refused = { status: Number(refused[1]), message: quoted || NO_REASON };
  }

  #giveUp(line: string): void {
    for (const { line: pattern, toError } of GAVE_UP_LINES) {
      const found = pattern.exec(line);
      if (!found) continue;
      this.#conclude();
      this.#givenUp = toError(Number(found[1]));
    }
  }

  /** Only the first failure is upstream's; later ones follow from the CLI's reaction. */
  #conclude(): void {
    this.#complete = true;
    this.#errorSeen.resolve();
  }

  #unredact(message: string, report: string): string {
    return unredact(message, report, this.#request);
  }

  #refusal(status: number, message: string, report?: CliMessage): ApiError {
    return new ApiError(clientStatus(status), report?.api_error_type ?? typeOf(status), message, {
      headers: this.#refusalHeaders(status),
      ...this.#ofRequest(report?.request_id),
    });
  }

  #quotedError({ status, envelope }: Quotation, reportText: string): ApiError {
    const { type, message, details } = envelope.error;
    return new ApiError(clientStatus(status ?? statusOf(type) ?? 500), type, this.#unredact(message, reportText), {
      // headers of an open stream describe the answer, not the error
      ...(status !== undefined && { headers: this.#refusalHeaders(status) }),
      ...(details && { details: withoutRedacted(details) }),
      ...this.#ofRequest(envelope.request_id),
    });
  }

  /** Upstream's request id, from the failure or else from the answer's headers. */
  #ofRequest(requestId = this.headers["request-id"]): { requestId?: string } {
    return requestId ? { requestId } : {};
  }

  /** Upstream's headers, plus the rate limits that the CLI reported if upstream sent none. */
  #refusalHeaders(status: number): Record<string, string> {
    const own = this.#upstream.current;
    const limits = Object.keys(own).some(isLimitHeader) ? {} : subscriptionHeaders(this.#limit);
    return limitHeaders(status, { ...own, ...limits });
  }
}

function between(text: string, open: string, close: string): string | undefined {
  const from = text.indexOf(open);
  const to = text.lastIndexOf(close);
  return from === -1 || to < from ? undefined : text.slice(from, to + 1);
}

function withoutRedacted(details: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => !isRedacted(String(JSON.stringify(value)))));
}

/** Parses an API error envelope; undefined for other text. */
export function parseEnvelope(json: string | undefined): Envelope | undefined {
  for (const reading of parseableReadings(json ?? "")) {
    const value = tryParseJson(reading);
    if (typeof value?.error?.message === "string" && typeof value.error.type === "string") return value;
  }
  return undefined;
}
