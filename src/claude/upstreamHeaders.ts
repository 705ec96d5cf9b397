import { isLimitHeader } from "../api/rateLimits.ts";

/** The head of a block in the log that the SDK inside the CLI writes to stderr, with `ANTHROPIC_LOG=debug`. */
const BLOCK_START = /^\[Anthropic SDK DEBUG\] \[\w+\] (sending request|response error|response start)\b/;
/** A header in such a block: `    "retry-after": "17",`. */
const HEADER_LINE = /^ {4}"?([a-z0-9-]+)"?: "([^"\\]*)",?$/;

/**
 * Whether a line is of the SDK's log: it shows headers, and a user may have put a credential into one. Without the name
 * at its head it is of a call that does not belong to a turn.
 */
export const isSdkLog = (line: string): boolean => /^(\[Anthropic SDK |\[log_\w+[\],]|\s+(?!at )\S|\}$)/.test(line);

/** What the CLI says of a subscription's limit; fields as in its own protocol, times in seconds since 1970. */
export interface RateLimitInfo {
  status?: string;
  resetsAt?: number | null;
  rateLimitType?: string;
  overageStatus?: string;
  overageDisabledReason?: string;
}

/** Headers that say whose an answer is. */
const IDENTITY_HEADERS = /^(request-id|anthropic-(organization|workspace)-id)$/;

/** Whether a header of upstream's is passed on to the client. */
export const isForwarded = (name: string): boolean => isLimitHeader(name) || IDENTITY_HEADERS.test(name);

/** Those headers of upstream's last answer that are for the client, read off the lines of stderr. */
export class UpstreamHeaders {
  #headers: Record<string, string> = {};
  #open = false;
  #contentType: string | undefined;
  #hasAnswered = false;
  #isComplete = false;
  #resolveReady!: () => void;

  /** Resolves when the headers of an answer are there. */
  readonly ready: Promise<void> = new Promise((resolve) => {
    this.#resolveReady = resolve;
  });

  get current(): Record<string, string> {
    return this.#headers;
  }

  /** Whether the headers of an answer are there. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** What the first answer consists of. */
  get contentType(): string | undefined {
    return this.#contentType;
  }

  /** Whether upstream has answered at all. */
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
      this.#resolveReady();
    }
    const [, name = "", value] = HEADER_LINE.exec(line) ?? [];
    if (name === "content-type") this.#contentType ??= value;
    if (value !== undefined && isForwarded(name)) this.#headers[name] = value;
  }
}

/**
 * The headers that the CLI has put into its own words. Without a type it is no limit of the subscription's: the CLI
 * calls every 429 rejected.
 */
export function subscriptionHeaders(info: RateLimitInfo | undefined): Record<string, string> {
  if (!info?.rateLimitType) return {};
  const told = {
    status: info.status,
    reset: info.resetsAt,
    "representative-claim": info.rateLimitType,
    "overage-status": info.overageStatus,
    "overage-disabled-reason": info.overageDisabledReason,
  };
  const known = Object.entries(told).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(known.map(([name, value]) => [`anthropic-ratelimit-unified-${name}`, String(value)]));
}
