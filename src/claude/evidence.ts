import { ApiError, notSignedIn, upstreamUnreachable } from "../api/errors.ts";
import type { CliMessage } from "./codec.ts";

/** Upstream's error envelope as the CLI quotes it on stderr. */
interface Envelope {
  error: { type: string; message: string; details?: Record<string, unknown> | null };
  request_id?: string;
}

/** `API error (attempt 1/1): 404 404 {…}`: a refusal, with upstream's status and own words. */
const REFUSED = /API error \(attempt \d+\/\d+\): (\d{3}) .*?(\{.*\})\s*$/;
/** `Error streaming (non-streaming fallback disabled): {…}`: an error event in an open stream. */
const BROKEN_STREAM = /Error streaming[^{]*(\{.*\})\s*$/;
/** Either of them, whatever it quotes. */
const ANY_FAILURE = /\[ERROR\] (API error \(attempt|Error streaming)/;

/** Statuses of the errors that arrive as events, where no status line tells (docs: "API errors"). */
const STATUS_OF: Record<string, number> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  timeout_error: 504,
  overloaded_error: 529,
};

/**
 * What the CLI tells of a failed turn, on both its outputs. Its messages reword upstream's text, its debug lines on
 * stderr quote it; of several failures in one turn only the first is upstream's answer to the request.
 */
export class Evidence {
  #quoted: ApiError | undefined;
  #reported: CliMessage | undefined;
  #complete = false;
  #resolveSeen!: () => void;

  /** Resolves when stderr has told of a failure. */
  readonly seen: Promise<void> = new Promise((resolve) => {
    this.#resolveSeen = resolve;
  });

  addDiagnostic(line: string): void {
    if (this.#complete || !ANY_FAILURE.test(line)) return;
    this.#complete = true;
    this.#resolveSeen();
    const refused = REFUSED.exec(line);
    const envelope = parseEnvelope(refused?.[2] ?? BROKEN_STREAM.exec(line)?.[1]);
    if (!envelope) return;
    const { type, message, details } = envelope.error;
    this.#quoted = new ApiError(refused ? Number(refused[1]) : (STATUS_OF[type] ?? 500), type, message, {
      ...(details && { details }),
      ...(envelope.request_id && { requestId: envelope.request_id }),
    });
  }

  addReport(message: CliMessage): void {
    this.#reported ??= message;
  }

  /** The failure to tell the client of, at the end of a turn that did not bring a whole answer. */
  toError(result: CliMessage): ApiError {
    if (this.#quoted) return this.#quoted;
    const report = this.#reported;
    const text = String(
      report?.message?.content?.[0]?.text ?? result.result ?? result.errors?.[0] ?? "no reason given",
    );
    const status = report?.api_error_status ?? result.api_error_status;
    const words = text.replace(/^API Error:\s*(\d{3}\s+)?/, "");
    if (typeof status === "number") {
      const requestId = report?.request_id;
      return new ApiError(status, report?.api_error_type ?? "api_error", words, requestId && { requestId });
    }
    if (report?.error === "authentication_failed") return notSignedIn();
    return upstreamUnreachable(words);
  }
}

function parseEnvelope(json: string | undefined): Envelope | undefined {
  try {
    const value = json && JSON.parse(json);
    return typeof value?.error?.message === "string" && typeof value.error.type === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
