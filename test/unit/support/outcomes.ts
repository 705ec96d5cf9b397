import type { ApiError } from "../../../src/api/errors.ts";
import { OverlayOutcome } from "../../../src/claude/overlay/overlayOutcome.ts";

export const AT = "2026-11-22T09:13:45.925Z";
/** The CLI's line on stderr when it is given the settings of a turn. */
export const TURN_BEGINS = `${AT} [DEBUG] Programmatic settings change notification for flagSettings`;
/** The CLI's line on stderr about a refusal. */
export const refused = (status: number, type: string, message: string, extra: object = {}) =>
  `${AT} [ERROR] API error (attempt 1/1): ${status} ${status} ${JSON.stringify({ type: "error", error: { type, message, ...extra }, request_id: "req_9c1f" })}`;
/** The CLI's report on stdout about a failure. */
export const report = (text: string, fields: object = {}) => ({
  type: "assistant",
  is_api_error_message: true,
  message: { content: [{ type: "text", text }] },
  ...fields,
});
export const RESULT = { type: "result", subtype: "success", is_error: true };

/** The error that a turn with these lines and reports ends in. */
export function errorFrom(
  diagnostics: string[],
  reports: ReturnType<typeof report>[],
  result: object = {},
  begun = false,
): ApiError {
  const outcome = new OverlayOutcome();
  for (const line of diagnostics) outcome.addDiagnostic(line);
  for (const message of reports) outcome.addErrorMessage(message);
  return outcome.toError({ ...RESULT, ...result }, begun);
}
