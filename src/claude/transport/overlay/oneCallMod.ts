import { MODEL_CALL, modOf } from "../../process/modFiles.ts";
import { MOD_REPORTS } from "../../protocol/modReports.ts";

/**
 * The CLI asks this mod before it sends a request. It passes the first model call of a turn and denies all others: the
 * CLI would continue after `max_tokens` or a refusal, retry a 404 without streaming, a 400 without a beta … Counting is
 * not a model call. The mod reports that it runs, since the CLI lists it even if it failed to load.
 */
export const ONE_CALL_MOD = modOf(
  "one-call",
  "One request to the model for each turn",
  `const CALL = ${MODEL_CALL};
export const register = (on) => {
  let called = true;
  on("session.start", ($, session, next) => {
    $.ui.log("${MOD_REPORTS.loaded}");
    return next(session);
  });
  on("turn.start", ($, turn, next) => {
    called = false;
    $.ui.log("${MOD_REPORTS.turnStarted}");
    return next(turn);
  });
  on("http.fetch", ($, request, next) => {
    if (!CALL.test(request.url)) return next(request);
    if (called) return { deny: "one request, one call" };
    called = true;
    $.ui.log("${MOD_REPORTS.calling}");
    return next(request);
  });
};
`,
);

/**
 * For machines with an organization's guard (see guard.ts), where the CLI asks mods about steps but not about calls:
 * ends every step after the first. Each delta passes through it, at 0.3 ms of CPU time, so it is loaded only there.
 */
export const ONE_STEP_MOD = modOf(
  "one-step",
  "One step for each turn",
  `export const register = (on) => {
  on("session.start", ($, session, next) => {
    $.ui.log("${MOD_REPORTS.loaded}");
    return next(session);
  });
  on("turn.step", { index: /[^0]/ }, async function* ($, { turnId, index }, next) {
    return { turnId, index, answer: "", toolUses: [] };
  });
};
`,
);
