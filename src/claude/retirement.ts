/** What one turn showed of its worker. */
export interface TurnSummary {
  /** Whether the one-call mod was asked in this turn, if the turn got as far as an answer. */
  modAsked: boolean;
  /** Whether the turn failed without a call. */
  answeredLocally: boolean;
  /** Whether the CLI tried to call upstream a second time. */
  calledAgain: boolean;
  /** The status with which upstream refused the request. */
  refusedStatus: number | undefined;
  stopReason: string | undefined;
}

/** Stop reasons after which a worker serves on: test/http/residue.test.ts shows that they leave nothing behind. */
const HARMLESS_STOP_REASONS = new Set<string | undefined>([
  ...[undefined, "end_turn", "tool_use", "stop_sequence", "max_tokens", "pause_turn"],
  ...["refusal", "model_context_window_exceeded", "compaction"],
]);

/** Client errors that the CLI repeats without learning anything from them. */
const RETRIED_UNCHANGED_STATUSES = new Set([403, 404, 429]);

/**
 * Why a worker must not serve again after a turn; undefined if it may.
 *
 * When upstream refuses a parameter or a beta, the CLI repeats the call without it, and leaves it out of every later
 * request of any client. It tries the second call at once, so that attempt shows that it has learned something.
 */
export function reasonToRetire(turn: TurnSummary): string | undefined {
  const { refusedStatus: status = 0 } = turn;
  if (!turn.modAsked) return "the one-call mod was not asked";
  if (turn.answeredLocally) return "it failed a request without calling the API";
  if (turn.calledAgain && status >= 400 && status < 500 && !RETRIED_UNCHANGED_STATUSES.has(status)) {
    return `it may leave out of later requests what the API refused with status ${status}`;
  }
  if (!HARMLESS_STOP_REASONS.has(turn.stopReason)) return "its answer had an unknown stop reason";
  return undefined;
}
