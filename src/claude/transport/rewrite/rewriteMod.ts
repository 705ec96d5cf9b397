import { COUNT_CALL, MODEL_CALL, modOf } from "../../process/modFiles.ts";
import type { CliMessage } from "../../protocol/codec.ts";
import { MOD_REPORTS, modReport } from "../../protocol/modReports.ts";
import { INSTRUCTION_PREFIX, SEPARATOR } from "./instruction.ts";

/** First word of the mod's reports: `answered` is followed by JSON, `unanswered` by an error message. */
export const ANSWERED_PREFIX = "answered ";
export const UNANSWERED_PREFIX = "unanswered ";

/**
 * Sends a client's request in place of the CLI's own. The instruction is the text of the prompt, which the mod removes
 * before the CLI stores it. In the hook `http.fetch`, the mod reads "[redacted]" for the credential. The CLI's own
 * blocks come first and without spaces: only there, the CLI fills in the digest of its billing block.
 *
 * Each instruction allows one call; all other model calls and all counts are denied. A refusal gets status 499, for
 * which the CLI neither retries nor rewords upstream's message.
 */
export const REWRITE_MOD = modOf(
  "rewrite",
  "Requests as their clients wrote them",
  `const CALL = ${MODEL_CALL};
const COUNT = ${COUNT_CALL};
const DIGEST = /cch=00000/g;
export const register = (on) => {
  let instruction;
  on("session.start", ($, session, next) => {
    $.ui.log("${MOD_REPORTS.loaded}");
    return next(session);
  });
  on("prompt.submit", ($, prompt, next) => {
    if (!prompt.text.startsWith(${JSON.stringify(INSTRUCTION_PREFIX)})) return next(prompt);
    const [head, system, fields] = prompt.text.slice(${INSTRUCTION_PREFIX.length}).split(${JSON.stringify(SEPARATOR)});
    instruction = { ...JSON.parse(head), system, fields };
    $.ui.log("${MOD_REPORTS.turnStarted}");
    return next({ ...prompt, text: "." });
  });
  on("http.fetch", async ($, request, next) => {
    const isCall = CALL.test(request.url);
    if (!isCall && !COUNT.test(request.url)) return next(request);
    if (!isCall || !instruction) {
      // late counts do not concern the turn in which they come
      $.ui.log(isCall ? "${MOD_REPORTS.denied}" : "${MOD_REPORTS.countDenied}");
      return { deny: "one request, one call" };
    }
    const { betas, lacksMetadata, ...client } = instruction;
    instruction = undefined;
    const own = JSON.parse(request.init.body);
    // Bedrock streams by address; its bodies have no such field
    const isWhole = client.isWhole && "stream" in own;
    if (isWhole) own.stream = false;
    if (own.anthropic_beta) own.anthropic_beta = [...new Set([...own.anthropic_beta, ...betas])];
    const blocks = (own.system ?? []).map((block) => JSON.stringify(block)).join(",");
    const kept = ["model", "stream", "anthropic_version", "anthropic_beta", ...(lacksMetadata ? ["metadata"] : [])];
    const fields = kept.filter((name) => name in own).map((name) => JSON.stringify(name) + ":" + JSON.stringify(own[name]));
    // if the CLI's blocks have no digest, its network layer would fill one into a look-alike
    const plain = (text) => (blocks.includes("cch=00000") ? text : text.replace(DIGEST, "cch\\\\u003d00000"));
    if (client.fields) fields.push(plain(client.fields));
    const body = '{"system":[' + blocks + plain(client.system) + "]," + fields.join(",") + "}";
    const listed = (request.init.headers["anthropic-beta"] ?? "").split(",").concat(betas).filter(Boolean);
    const headers = { ...request.init.headers, "anthropic-beta": [...new Set(listed)].join(",") };
    $.ui.log("${MOD_REPORTS.calling}");
    let answer;
    try {
      answer = await next({ ...request, init: { ...request.init, headers, body } });
    } catch (error) {
      $.ui.log("${UNANSWERED_PREFIX}" + String(error).slice(0, 1000));
      throw error;
    }
    const { value } = answer;
    if (!value) return answer;
    $.ui.log("${ANSWERED_PREFIX}" + JSON.stringify({ status: value.status, headers: value.headers }));
    return isWhole || value.status >= 400 ? { value: { ...value, status: 499 } } : answer;
  }).catch(() => ({ deny: "the mod failed" }));
};
`,
);

export interface AnswerHead {
  status: number;
  headers: Record<string, string>;
}

/** What the mod reports about the answer: its head, or why there is none. */
export type ModAnswer = { head: AnswerHead } | { failure: string };

export function readModAnswer(message: CliMessage, mod = REWRITE_MOD.name): ModAnswer | undefined {
  const text = modReport(message, mod);
  if (text?.startsWith(UNANSWERED_PREFIX)) return { failure: text.slice(UNANSWERED_PREFIX.length) };
  return text?.startsWith(ANSWERED_PREFIX) ? { head: JSON.parse(text.slice(ANSWERED_PREFIX.length)) } : undefined;
}
