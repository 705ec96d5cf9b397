import { modOf } from "../modFiles.ts";
import { MOD_REPORTS } from "../modReports.ts";

/**
 * A mod for the CLI (documented under "mods"): it is asked before each request that the CLI sends anywhere. The first
 * call of the model in a turn passes; whatever the CLI would send after it (to continue after `max_tokens`, a refusal or
 * an empty answer, to try again without streaming after a 404, without a beta after a 400 …) is denied on this machine,
 * as is any call of the model outside a turn. Counting is no such call. The mod reports that it runs, since the CLI goes
 * on without a mod that it could not load, and lists it as a plugin all the same.
 */
export const ONE_CALL_MOD = modOf(
  "one-call",
  "One request to the model for each turn",
  // paths of Anthropic's API and Foundry, Vertex, Bedrock
  `const CALL = /(\\/v1\\/messages|(?<!\\/count-tokens):(streamR|r)awPredict|\\/invoke(-with-response-stream)?)(\\?|$)/;
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
 * A second mod, for machines with an organization's guard (see guard.ts), where the CLI asks mods about the steps of a turn
 * but not about calls. It ends every step but the first without a call. All deltas of an answer pass through it, each for
 * 0.3 ms of CPU, so it is loaded only there.
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
