import type { ApiError } from "../api/errors.ts";
import type { Message } from "../api/events.ts";
import type { CliMessage } from "./codec.ts";
import type { CliAccount, Organization } from "./description.ts";
import type { TurnRequest } from "./turnRequest.ts";
import type { RateLimitInfo } from "./upstreamHeaders.ts";

/**
 * How a request travels through a worker. `rewrite`: our mod sends the client's bytes in place of the CLI's body.
 * `overlay`: the CLI merges the client's fields into its own body, which also works if Claude Code does not ask mods about calls.
 */
export type TransportName = TurnRequest["transport"];

/** What a CLI is checked for: a transport, or exact counts, which use `rewrite`. */
export type CheckedPart = TransportName | "counts";

/** A transport, in one worker. */
export interface Transport {
  readonly name: TransportName;
  /** Name of the mod that the CLI asks about each request. */
  readonly mod: string;
  readonly mods: Mods;
  /** Whether no mod can deny further calls of a turn, so that settings must prevent them. */
  readonly allowsMoreCalls: boolean;
  /** Settings to apply before this request; undefined if unchanged. */
  settings(request: TurnRequest): object | undefined;
  /** Call when the CLI has accepted these settings. */
  accepted(request: TurnRequest): void;
  /** The error if the organization does not allow the request. Call after the CLI has accepted its settings. */
  refusalOf(request: TurnRequest, ask: Ask): Promise<ApiError | undefined>;
  /** The message that starts the turn. */
  trigger(request: TurnRequest): CliMessage;
  /** Collects the outcome of this request. */
  outcome(request: TurnRequest): TurnOutcome;
}

/** Sends a control request without parameters. */
export type Ask = (subtype: "get_settings" | "get_context_usage") => Promise<CliMessage>;

/** The mods of one process: whether they run, and what an organization allows. */
export interface Mods {
  /** Why the process must not serve again. */
  readonly reasonToRetire: string | undefined;
  /** Receives a message from stdout; false if it is not a report about loading. */
  accept(message: CliMessage): boolean;
  /** Receives a line from stderr. */
  addStderrLine(line: string): void;
  /** Records a call about which the CLI did not ask the mod. */
  addBypass(): void;
  /**
   * Waits for the mods, after the reply to `initialize`. Resolves with the organization's rules, if any. Throws if a
   * required mod does not run.
   */
  verify(account: CliAccount, ask: Ask): Promise<Organization | undefined>;
}

/** What the CLI, or our mod in it, shows of one turn besides upstream's events. */
export interface TurnOutcome {
  /** Upstream's headers on request id and rate limits; available once `headersReady` has resolved. */
  readonly headers: Record<string, string>;
  /** Resolves when upstream's headers are known. */
  readonly headersReady: Promise<void>;
  /** Whether they are known. */
  readonly hasHeaders: boolean;
  /** Resolves when a failure is known. */
  readonly errorSeen: Promise<void>;
  /** Whether our mod denied a further call. */
  readonly denied: boolean;
  /** The status of upstream's refusal. */
  readonly refusedStatus: number | undefined;
  /** Receives a line from stderr. */
  addStderrLine(line: string): void;
  /** Call for each event of the answer. */
  addEvent(): void;
  /** Receives a failure reported on stdout. */
  addErrorMessage(message: CliMessage): void;
  /** Receives a report of our mod. */
  addModReport(message: CliMessage): void;
  /** Receives a subscription's rate limit. */
  addRateLimit(info: RateLimitInfo): void;
  /** The answer, if it came as one JSON instead of a stream. Throws `ApiError`. */
  wholeAnswer(): Message | undefined;
  /** Builds the client's error when a turn ends without a complete answer. `begun`: the answer had begun. */
  toError(result: CliMessage, begun: boolean): ApiError;
}

/** Thrown with the reason if requests cannot use this transport (any more); prepare them for the other one. */
export class TransportUnavailable extends Error {}
