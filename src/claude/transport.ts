import type { ApiError } from "../api/errors.ts";
import type { Message } from "../api/events.ts";
import type { CliMessage } from "./codec.ts";
import type { CliAccount, Organization } from "./description.ts";
import type { TurnRequest } from "./turnRequest.ts";
import type { RateLimitInfo } from "./upstreamHeaders.ts";

/**
 * How requests travel through a worker. `rewrite`: our mod sends the client's own bytes in place of the CLI's body.
 * `overlay`: the CLI merges the client's fields into its own body, which works also where mods are not asked about calls.
 */
export type TransportName = TurnRequest["transport"];

/** What a CLI is checked for: a transport, or exact counts, which travel by `rewrite` as well. */
export type CheckedPart = TransportName | "counts";

/** One transport, as one worker uses it. */
export interface Transport {
  readonly name: TransportName;
  /** The name of the mod that is asked about each request. */
  readonly mod: string;
  readonly mods: Mods;
  /** Whether no mod keeps further calls of a turn away, so that settings have to. */
  readonly allowsMoreCalls: boolean;
  /** The settings that the CLI needs before this request; undefined where those in force fit. */
  settings(request: TurnRequest): object | undefined;
  /** Takes that the CLI has accepted the settings of this request. */
  accepted(request: TurnRequest): void;
  /** Why the organization does not allow the request, whose settings the CLI has accepted. */
  refusalOf(request: TurnRequest, ask: Ask): Promise<ApiError | undefined>;
  /** Starts the turn. */
  trigger(request: TurnRequest): CliMessage;
  /** Gathers what becomes of this request. */
  outcome(request: TurnRequest): TurnOutcome;
}

/** Sends the CLI a control request without parameters. */
export type Ask = (subtype: "get_settings" | "get_context_usage") => Promise<CliMessage>;

/** The mods of one process: whether they run, and what an organization leaves them to do. */
export interface Mods {
  /** Why the process must not serve on; undefined while it may. */
  readonly reasonToRetire: string | undefined;
  /** Takes a message of the CLI's stdout; false where it is no report about loading. */
  accept(message: CliMessage): boolean;
  /** Takes a line of the CLI's stderr. */
  addDiagnostic(line: string): void;
  /** Takes that the mod was not asked about a call. */
  addBypass(): void;
  /**
   * Waits for the mods, once the CLI has answered `initialize`. Resolves with the organization's rules, if there are any.
   * Throws where the mods that are needed do not run.
   */
  require(account: CliAccount, ask: Ask): Promise<Organization | undefined>;
}

/** What the CLI, or a mod of ours in it, shows of one turn besides upstream's events. */
export interface TurnOutcome {
  /** Upstream's headers about the answer and about limits, once `headersReady` has resolved. */
  readonly headers: Record<string, string>;
  /** Resolves when upstream's headers are known. */
  readonly headersReady: Promise<void>;
  /** Whether they are known. */
  readonly hasHeaders: boolean;
  /** Resolves when a failure is known. */
  readonly errorSeen: Promise<void>;
  /** Whether a mod of ours kept the CLI from another call. */
  readonly denied: boolean;
  /** The status with which upstream refused the request, if it did. */
  readonly refusedStatus: number | undefined;
  /** Takes a line of the CLI's stderr. */
  addDiagnostic(line: string): void;
  /** Takes that an event of the answer has come. */
  addEvent(): void;
  /** Takes a message of the CLI's stdout that reports a failure. */
  addErrorMessage(message: CliMessage): void;
  /** Takes what our mod logs. */
  addModReport(message: CliMessage): void;
  /** Takes what the CLI says of a subscription's limit. */
  addRateLimit(info: RateLimitInfo): void;
  /** The answer that came as one JSON instead of a stream; undefined where there is none. Throws `ApiError`. */
  wholeAnswer(): Message | undefined;
  /** The error for the client, at the end of a turn without a whole answer; `begun` if the answer had begun. */
  toError(result: CliMessage, begun: boolean): ApiError;
}

/** Says that requests cannot take this transport, or not any more, and why: they are to be prepared for the other one. */
export class TransportUnavailable extends Error {}
