export interface TurnSummary {
  /** Whether the CLI asked our mod about this turn; true if there was no answer. */
  modAsked: boolean;
  answeredLocally: boolean;
  calledAgain: boolean;
  refusedStatus: number | undefined;
  stopReason: string | undefined;
}

/** After these, nothing is left in a worker (test/http/residue.test.ts). */
const HARMLESS_STOP_REASONS = new Set<string | undefined>([
  ...[undefined, "end_turn", "tool_use", "stop_sequence", "max_tokens", "pause_turn"],
  ...["refusal", "model_context_window_exceeded", "compaction"],
]);

/** Client errors after which the CLI repeats the call unchanged. */
const RETRIED_UNCHANGED_STATUSES = new Set([403, 404, 429]);

/**
 * Why a worker must not serve again after a turn.
 *
 * When upstream rejects a parameter or a beta, the CLI at once repeats the call without it, and omits it from later
 * requests of any client.
 */
export function reasonToRetire(turn: TurnSummary): string | undefined {
  const { refusedStatus: status = 0 } = turn;
  if (!turn.modAsked) return "it did not ask our mod";
  if (turn.answeredLocally) return "it failed a request without calling the API";
  if (turn.calledAgain && status >= 400 && status < 500 && !RETRIED_UNCHANGED_STATUSES.has(status)) {
    return `it may omit from later requests what the API rejected with status ${status}`;
  }
  if (!HARMLESS_STOP_REASONS.has(turn.stopReason)) return "its answer had an unknown stop reason";
  return undefined;
}
