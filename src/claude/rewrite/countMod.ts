import { modOf } from "../modFiles.ts";
import { MOD_REPORTS } from "../modReports.ts";
import { COUNT_CALL, MODEL_CALL } from "./calls.ts";
import { INSTRUCTION_PREFIX, SEPARATOR } from "./instruction.ts";
import { ANSWERED_PREFIX, UNANSWERED_PREFIX } from "./rewriteMod.ts";

/** The first message of the worker's conversation, by which the mod knows the CLI's count of it. */
export const SEED_TEXT = "claude-virtual-api seed";
/** The text of a prompt that gives the count up which is under way. */
export const ABANDON_TEXT = "claude-virtual-api abandon";
/** The status that the mod gives to refusals; the CLI repeats none with it, and logs upstream's words behind it. */
export const REFUSED_STATUS = 499;

/**
 * A mod for the CLI of the counter, which has a client's body counted in place of the CLI's own conversation. What to count
 * comes as the text of a prompt, which the mod drops: so no turn begins and the conversation stays as it is. All calls of
 * the model are denied on this machine, and so are counts without an instruction, of which each is good for one.
 */
export const COUNT_MOD = modOf(
  "count",
  "Counts of requests as their clients wrote them",
  `const CALL = ${MODEL_CALL};
const COUNT = ${COUNT_CALL};
const DIGEST = /cch=00000/g;
export const register = (on) => {
  let instruction;
  let abandon;
  on("session.start", ($, session, next) => {
    $.ui.log("${MOD_REPORTS.loaded}");
    return next(session);
  });
  on("prompt.submit", ($, prompt, next) => {
    if (prompt.text === ${JSON.stringify(ABANDON_TEXT)}) {
      instruction = undefined;
      abandon?.();
      return { drop: "given up" };
    }
    if (!prompt.text.startsWith(${JSON.stringify(INSTRUCTION_PREFIX)})) return next(prompt);
    const [head, fields] = prompt.text.slice(${INSTRUCTION_PREFIX.length}).split(${JSON.stringify(SEPARATOR)});
    instruction = { ...JSON.parse(head), fields };
    $.ui.log("${MOD_REPORTS.turnStarted}");
    return { drop: "kept for the counter" };
  });
  on("http.fetch", async ($, request, next) => {
    const isCount = COUNT.test(request.url);
    if (!isCount && !CALL.test(request.url)) return next(request);
    const own = JSON.parse(request.init.body);
    const isSeed = isCount && JSON.stringify(own.messages ?? "").includes(${JSON.stringify(SEED_TEXT)});
    // what the CLI wants to know besides, it asks again until it knows
    if (isCount && !isSeed && own.messages) {
      $.ui.log("${MOD_REPORTS.countDenied}");
      return { value: { status: 200, ok: true, headers: { "content-type": "application/json" }, text: '{"input_tokens":1}' } };
    }
    if (!isSeed || !instruction) {
      $.ui.log(isCount ? "${MOD_REPORTS.countDenied}" : "${MOD_REPORTS.denied}");
      return { deny: "counts alone are made here" };
    }
    const { betas, fields } = instruction;
    instruction = undefined;
    if (own.anthropic_beta) own.anthropic_beta = [...new Set([...own.anthropic_beta, ...betas])];
    const kept = ["model", "anthropic_version", "anthropic_beta"].filter((name) => name in own);
    const parts = kept.map((name) => JSON.stringify(name) + ":" + JSON.stringify(own[name]));
    // the CLI's network layer would fill a digest into what looks like a place for one
    parts.push(fields.replace(DIGEST, "cch\\\\u003d00000"));
    const body = "{" + parts.join(",") + "}";
    const listed = (request.init.headers["anthropic-beta"] ?? "").split(",").concat(betas).filter(Boolean);
    const headers = { ...request.init.headers, "anthropic-beta": [...new Set(listed)].join(",") };
    const given = (text) => ({ value: { status: ${REFUSED_STATUS}, ok: false, headers: {}, text } });
    const abandoned = new Promise((resolve) => {
      abandon = () => resolve(given("given up"));
    });
    $.ui.log("${MOD_REPORTS.calling}");
    let answer;
    try {
      answer = await Promise.race([next({ ...request, init: { ...request.init, headers, body } }), abandoned]);
    } catch (error) {
      $.ui.log("${UNANSWERED_PREFIX}" + String(error).slice(0, 1000));
      return given("not answered");
    } finally {
      abandon = undefined;
    }
    const { value } = answer;
    if (!value) return answer;
    $.ui.log("${ANSWERED_PREFIX}" + JSON.stringify({ status: value.status, headers: value.headers }));
    if (value.status < 300) return answer;
    return { value: { ...value, status: ${REFUSED_STATUS}, headers: { ...value.headers, "x-should-retry": "false" } } };
  }).catch(() => ({ deny: "the mod failed" }));
};
`,
);
