import { isLimitHeader } from "../../api/rateLimits.ts";
import { Deferred } from "../../shared/deferred.ts";

/** Starts a block in the log that the CLI's SDK writes to stderr, with `ANTHROPIC_LOG=debug`. */
const BLOCK_START = /^\[Anthropic SDK DEBUG\] \[\w+\] (sending request|response error|response start)\b/;
const HEADER_LINE = /^ {4}"?([a-z0-9-]+)"?: "([^"\\]*)",?$/;

/** A subscription's rate limit. Fields as in the CLI's protocol, times in seconds since 1970. */
export interface RateLimitInfo {
  status?: string;
  resetsAt?: number | null;
  rateLimitType?: string;
  overageStatus?: string;
  overageDisabledReason?: string;
}

/** Headers that identify the answer. */
const IDENTITY_HEADERS = /^(request-id|anthropic-(organization|workspace)-id)$/;

/** Whether a header is forwarded to the client. */
export const isForwarded = (name: string): boolean => isLimitHeader(name) || IDENTITY_HEADERS.test(name);

/** Reads the forwarded headers of upstream's last answer from stderr. */
export class UpstreamHeaders {
  #headers: Record<string, string> = {};
  #open = false;
  #contentType: string | undefined;
  #hasAnswered = false;
  #isComplete = false;
  readonly #ready = new Deferred();

  readonly ready = this.#ready.promise;

  get current(): Record<string, string> {
    return this.#headers;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  get contentType(): string | undefined {
    return this.#contentType;
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  add(line: string): void {
    const block = BLOCK_START.exec(line);
    if (block) {
      this.#headers = {};
      this.#open = block[1] !== "sending request";
      this.#hasAnswered ||= this.#open;
      return;
    }
    if (!this.#open) return;
    if (line === "}") {
      this.#open = false;
      this.#isComplete = true;
      this.#ready.resolve();
    }
    const [, name = "", value] = HEADER_LINE.exec(line) ?? [];
    if (name === "content-type") this.#contentType ??= value;
    if (value !== undefined && isForwarded(name)) this.#headers[name] = value;
  }
}

/** Without a type, it is not a subscription limit: the CLI calls every 429 "rejected". */
export function subscriptionHeaders(info: RateLimitInfo | undefined): Record<string, string> {
  if (!info?.rateLimitType) return {};
  const fields = {
    status: info.status,
    reset: info.resetsAt,
    "representative-claim": info.rateLimitType,
    "overage-status": info.overageStatus,
    "overage-disabled-reason": info.overageDisabledReason,
  };
  const known = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(known.map(([name, value]) => [`anthropic-ratelimit-unified-${name}`, String(value)]));
}
