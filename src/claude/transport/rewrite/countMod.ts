import { COUNT_CALL, MODEL_CALL, modOf } from "../../process/modFiles.ts";
import { MOD_REPORTS } from "../../protocol/modReports.ts";
import { INSTRUCTION_PREFIX, SEPARATOR } from "./instruction.ts";
import { ANSWERED_PREFIX, UNANSWERED_PREFIX } from "./rewriteMod.ts";

/** First message of the counter's conversation, by which the mod recognizes the CLI's count. */
export const SEED_TEXT = "claude-virtual-api seed";
/** Prompt that cancels the running count. */
export const ABANDON_TEXT = "claude-virtual-api abandon";
/** The CLI does not retry this status, and logs upstream's message after it. */
export const REFUSED_STATUS = 499;

/**
 * Counts a client's body in place of the CLI's conversation. The instruction is the text of a prompt, which the mod
 * drops, so no turn begins. Denies all model calls, and counts without an instruction; each allows one count.
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
    // the CLI repeats its other counts until they succeed
    if (isCount && !isSeed && own.messages) {
      $.ui.log("${MOD_REPORTS.countDenied}");
      return { value: { status: 200, ok: true, headers: { "content-type": "application/json" }, text: '{"input_tokens":1}' } };
    }
    if (!isSeed || !instruction) {
      $.ui.log(isCount ? "${MOD_REPORTS.countDenied}" : "${MOD_REPORTS.denied}");
      return { deny: "this worker only counts" };
    }
    const { betas, fields } = instruction;
    instruction = undefined;
    if (own.anthropic_beta) own.anthropic_beta = [...new Set([...own.anthropic_beta, ...betas])];
    const kept = ["model", "anthropic_version", "anthropic_beta"].filter((name) => name in own);
    const parts = kept.map((name) => JSON.stringify(name) + ":" + JSON.stringify(own[name]));
    // the CLI's network layer fills a digest into anything that looks like its placeholder
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
