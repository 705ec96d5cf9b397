import type { ApiError } from "../../api/errors.ts";
import type { Message } from "../../api/events.ts";
import type { CliMessage } from "../protocol/codec.ts";
import type { CliAccount, Organization } from "../signIn/description.ts";
import type { TurnRequest } from "./turnRequest.ts";
import type { RateLimitInfo } from "./upstreamHeaders.ts";

/**
 * `rewrite`: our mod sends the client's bytes in place of the CLI's body. `overlay`: the CLI merges the client's fields
 * into its own body, which works without mods.
 */
export type TransportName = TurnRequest["transport"];

export interface Transport {
  readonly name: TransportName;
  /** Name of the mod that the CLI asks about each request. */
  readonly mod: string;
  readonly mods: Mods;
  /** Whether settings, not a mod, must prevent further calls of a turn. */
  readonly allowsMoreCalls: boolean;
  /** Whether the CLI reports upstream's headers; answers wait for them. */
  logsHeaders: boolean;
  /** Settings to apply before this request; undefined if unchanged. */
  settings(request: TurnRequest): object | undefined;
  /** Call when the CLI has accepted these settings. */
  accepted(request: TurnRequest): void;
  /** Call after the CLI has accepted the settings; an error if the organization forbids the request. */
  refusalOf(request: TurnRequest, ask: Ask): Promise<ApiError | undefined>;
  trigger(request: TurnRequest): CliMessage;
  /** Collects the outcome of this request. */
  outcome(request: TurnRequest): TurnOutcome;
}

export type Ask = (subtype: "get_settings" | "get_context_usage") => Promise<CliMessage>;

/** The mods of one process: whether they run, and what an organization allows. */
export interface Mods {
  readonly reasonToRetire: string | undefined;
  accept(message: CliMessage): boolean;
  addStderrLine(line: string): void;
  addBypass(): void;
  /** Waits for the mods, after the reply to `initialize`. Throws if a required mod does not run. */
  verify(account: CliAccount, ask: Ask): Promise<Organization | undefined>;
}

/** What the CLI or our mod shows of one turn besides upstream's events. */
export interface TurnOutcome {
  /** Upstream's headers on request id and rate limits, once `headersReady` has resolved. */
  readonly headers: Record<string, string>;
  /** Resolves when upstream's headers are known. */
  readonly headersReady: Promise<void>;
  readonly hasHeaders: boolean;
  /** Resolves when a failure is known. */
  readonly errorSeen: Promise<void>;
  /** Whether our mod denied a further call. */
  readonly denied: boolean;
  /** The status of upstream's refusal. */
  readonly refusedStatus: number | undefined;
  addStderrLine(line: string): void;
  addEvent(): void;
  /** Receives a failure reported on stdout. */
  addErrorMessage(message: CliMessage): void;
  /** Receives a report of our mod. */
  addModReport(message: CliMessage): void;
  addRateLimit(info: RateLimitInfo): void;
  /** The answer, if it came as one JSON instead of a stream. Throws `ApiError`. */
  wholeAnswer(): Message | undefined;
  /** The client's error for a turn without a complete answer. `begun`: the answer had begun. */
  toError(result: CliMessage, begun: boolean): ApiError;
}

/** Requests cannot use this transport (any more); prepare them for the other one. */
export class TransportUnavailable extends Error {}
