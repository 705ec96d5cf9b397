import type { ApiError } from "../../src/api/errors.ts";
import { OverlayOutcome } from "../../src/claude/transport/overlay/overlayOutcome.ts";

export const AT = "2026-11-22T09:13:45.925Z";
/** The CLI's stderr line when it gets a turn's settings. */
export const TURN_BEGINS = `${AT} [DEBUG] Programmatic settings change notification for flagSettings`;
/** The CLI's stderr line about a refusal. */
export const refused = (status: number, type: string, message: string, extra: object = {}) =>
  `${AT} [ERROR] API error (attempt 1/1): ${status} ${status} ${JSON.stringify({ type: "error", error: { type, message, ...extra }, request_id: "req_9c1f" })}`;
/** The CLI's failure report on stdout. */
export const report = (text: string, fields: object = {}) => ({
  type: "assistant",
  is_api_error_message: true,
  message: { content: [{ type: "text", text }] },
  ...fields,
});
export const RESULT = { type: "result", subtype: "success", is_error: true };

/** The error of a turn with these lines and reports. */
export function errorFrom(
  stderrLines: string[],
  reports: ReturnType<typeof report>[],
  result: object = {},
  begun = false,
): ApiError {
  const outcome = new OverlayOutcome();
  for (const line of stderrLines) outcome.addStderrLine(line);
  for (const message of reports) outcome.addErrorMessage(message);
  return outcome.toError({ ...RESULT, ...result }, begun);
}
