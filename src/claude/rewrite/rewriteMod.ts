import type { CliMessage } from "../codec.ts";
import { modOf } from "../modFiles.ts";
import { MOD_REPORTS, modReport } from "../modReports.ts";
import { COUNT_CALL, MODEL_CALL } from "./calls.ts";
import { INSTRUCTION_PREFIX, SEPARATOR } from "./instruction.ts";

/** What the mod reports, each by a first word; `answered` is followed by JSON, `unanswered` by words. */
export const ANSWERED_PREFIX = "answered ";
export const UNANSWERED_PREFIX = "unanswered ";

/**
 * A mod for the CLI (documented under "mods") that sends a client's request in place of the CLI's own. What to send comes as
 * the text of the prompt, which it takes out before the CLI keeps it. The hook `http.fetch` is asked about the CLI's call when
 * that is signed, and never sees a credential: it reads "[redacted]", and the CLI puts it back at the send. The CLI's own
 * blocks come first, written tight, since only there the CLI fills in the digest of its billing block.
 *
 * Each instruction is good for one call; all other calls of the model, and those of the counter, are denied on this machine. A
 * refusal gets the status 499, under which the CLI neither repeats the call nor rewords what upstream said.
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
      // late calls of the counter say nothing of the turn that they fall into
      $.ui.log(isCall ? "${MOD_REPORTS.denied}" : "${MOD_REPORTS.countDenied}");
      return { deny: "one request, one call" };
    }
    const { betas, lacksMetadata, ...client } = instruction;
    instruction = undefined;
    const own = JSON.parse(request.init.body);
    // Bedrock's address asks for the stream, and its bodies have no such field
    const isWhole = client.isWhole && "stream" in own;
    if (isWhole) own.stream = false;
    if (own.anthropic_beta) own.anthropic_beta = [...new Set([...own.anthropic_beta, ...betas])];
    const blocks = (own.system ?? []).map((block) => JSON.stringify(block)).join(",");
    const kept = ["model", "stream", "anthropic_version", "anthropic_beta", ...(lacksMetadata ? ["metadata"] : [])];
    const fields = kept.filter((name) => name in own).map((name) => JSON.stringify(name) + ":" + JSON.stringify(own[name]));
    // without a digest of its own, the CLI's network layer would fill in what looks like one
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

/** Upstream's answer, before its body. */
export interface AnswerHead {
  status: number;
  headers: Record<string, string>;
}

/** What the mod reports of the call's answer: its head, or in words why there is none. */
export type ModAnswer = { head: AnswerHead } | { failure: string };

/** Undefined where the message is no such report of this mod. */
export function readModAnswer(message: CliMessage, mod = REWRITE_MOD.name): ModAnswer | undefined {
  const text = modReport(message, mod);
  if (text?.startsWith(UNANSWERED_PREFIX)) return { failure: text.slice(UNANSWERED_PREFIX.length) };
  return text?.startsWith(ANSWERED_PREFIX) ? { head: JSON.parse(text.slice(ANSWERED_PREFIX.length)) } : undefined;
}
