import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TransportOption } from "../../src/claude/transport/transportChoice.ts";
import { brokenCli, withoutVariable } from "../support/brokenCli.ts";
import type { Recorded } from "../support/fakeApi.ts";
import { FULL, QUICK } from "../support/full.ts";
import { type App, type Scratch, scratchHome, simple, startApp } from "../support/harness.ts";
import { SUBSCRIPTION } from "../support/limits.ts";
import { COSTS_A_WORKER, ODD_ANSWERS, type OddAnswer, UNKNOWN_STOPS } from "../support/oddAnswers.ts";
import { reply, text } from "../support/replies.ts";

const BETAS = { "anthropic-beta": "context-1m-2025-08-07,probe-beta-2026-01-01" };

/** A request with everything that the CLI might omit from a later one. */
const rich = (model: string) => ({
  model,
  max_tokens: 3000,
  system: "Be brief.",
  messages: [{ role: "user", content: [{ type: "text", text: "Hello", cache_control: { type: "ephemeral" } }] }],
  output_config: { effort: "low", format: { type: "json_schema", schema: { type: "object" } } },
  thinking: { type: "adaptive", display: "summarized" },
  tools: [{ name: "look", strict: true, input_schema: { type: "object" } }],
  metadata: { user_id: "somebody" },
});
const ODD_REQUEST = rich("claude-sonnet-5-5");
const PROBES = [ODD_REQUEST, { ...simple("Hello"), system: "Be brief." }, rich("claude-haiku-4-5-20251001")];

/** Headers that differ between requests or processes. */
const VOLATILE = /^(content-length|x-claude-code-session-id|x-client-request-id|host|connection)$/;

/** What was sent upstream, without what always differs. */
function carried({ body, headers }: Recorded) {
  const kept = Object.entries(headers).filter(([name]) => !VOLATILE.test(name));
  const same = JSON.stringify({ body, headers: Object.fromEntries(kept) })
    .replace(/cc_version=[\w.]+/g, "cc_version")
    .replace(/(session|device)_id\\*":\\*"[^"\\]+/g, "$1_id");
  return JSON.parse(same);
}

/** What is sent upstream for each probe; each must be answered by one call. */
async function probed(app: App) {
  const seen = [];
  for (const probe of PROBES) {
    app.fakeApi.reset();
    const response = await app.post(probe, BETAS);
    expect(response.status).toBe(200);
    await response.text();
    expect(app.fakeApi.messages).toHaveLength(1);
    seen.push(carried(app.fakeApi.messages[0] as Recorded));
  }
  return seen;
}

const replaced = ({ log }: App) => log.filter((line) => line.includes(" is replaced: "));

interface SuiteOptions {
  transport?: TransportOption;
  environment?: Record<string, string>;
}

function suite(title: string, answers: OddAnswer[], { transport = "auto", environment = {} }: SuiteOptions = {}) {
  const costsAWorker = transport === "auto" ? UNKNOWN_STOPS : COSTS_A_WORKER;
  describe(title, () => {
    let app: App;
    let pristine: unknown[];
    beforeAll(async () => {
      app = await startApp({ maxConcurrent: 1, transport, extraEnvironment: environment });
      pristine = await probed(app);
    });
    afterAll(() => app[Symbol.asyncDispose]());

    it.each(answers)("%s", async (name, answer) => {
      app.fakeApi.reset();
      app.log.length = 0;
      app.fakeApi.respond = answer;
      await (await app.post(ODD_REQUEST, BETAS)).text();
      expect(app.fakeApi.messages.length).toBeLessThanOrEqual(1);
      expect(await probed(app)).toEqual(pristine);
      // a new process costs half a second of CPU, so start one only for answers that change the CLI's state
      if (!costsAWorker.test(name)) expect(replaced(app)).toEqual([]);
    });
  });
}

/** One of each kind that once left something behind, and a few others. */
const SAMPLE = [
  /^400 (This model does not support the effort|Unexpected value\(s\) `(effort|claude-code)|capability_rejected: effort)/,
  /^(stop_reason refusal|a refusal with a credit|usage over 1e9|an error event in a block|no content|404 model)/,
];
const QUICK_SAMPLE = [/^400 This model does not support the effort/, /^(stop_reason refusal|no content|404 model)/];
const sampled = ODD_ANSWERS.filter(
  ([name]) => FULL || (QUICK ? QUICK_SAMPLE : SAMPLE).some((pattern) => pattern.test(name)),
);
/** The same for the overlay, where the CLI sees rejections. */
const LEARNT = /^400 This model does not support the effort|^usage over 1e9|^404 model/;

suite("a later request is as if there had been none before it, after", sampled);
suite("so it is by the overlay, after", FULL ? ODD_ANSWERS : ODD_ANSWERS.filter(([name]) => LEARNT.test(name)), {
  transport: "overlay",
});
if (FULL) suite("so it is for a subscriber, after", ODD_ANSWERS, { environment: SUBSCRIPTION });
if (FULL) suite("and by the overlay, after", ODD_ANSWERS, { transport: "overlay", environment: SUBSCRIPTION });

describe("a worker that fails a request", () => {
  let scratch: Scratch;
  beforeAll(async () => {
    scratch = await scratchHome();
  });
  afterAll(() => scratch[Symbol.asyncDispose]());

  it("is replaced, and a new one answers the request", async () => {
    const claudePath = await brokenCli(scratch.home, withoutVariable("CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE"));
    await using app = await startApp({ claudePath, maxConcurrent: 1 });
    for (let round = 0; round < (FULL ? 3 : 1); round++) {
      app.fakeApi.respond = () => reply([text("x")], { usage: { input_tokens: 2e9, output_tokens: 1 } });
      await (await app.post(simple())).text();
      app.fakeApi.reset();
      const response = await app.post(simple());
      expect([response.status, app.fakeApi.messages.length]).toEqual([200, 1]);
    }
    expect(replaced(app)[0]).toContain("it failed a request without calling the API");
  });
});
