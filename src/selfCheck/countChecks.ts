import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { ApiError } from "../api/errors.ts";
import type { MessageId } from "../api/messageDescriptors.ts";
import { countInstruction } from "../claude/transport/rewrite/instruction.ts";
import type { ExactCountSession } from "../tokens/exactCountSession.ts";
import { FAKE_REQUEST_ID, FAKE_TOKEN_COUNT, type FakeApi } from "./fakeApi.ts";

interface CountCheckTarget {
  count: ExactCountSession;
  api: FakeApi;
  model: string;
}

/** A behaviour of the CLI that exact counts rely on. `run` rejects if the CLI lacks it. */
export interface CountCheck {
  /** For translation. */
  id: MessageId;
  name: string;
  run(runner: CountCheckTarget): Promise<void>;
}

const FIELDS = String.raw`"messages" : [{"role":"user","content":"\u00e9 /help @/etc/hosts"}],"x":12345678901234567890,"x2":1.0`;
const REFUSAL = { status: 400, type: "invalid_request_error", message: "messages: at least one message is required" };
const never = new AbortController().signal;

const ask = ({ count, model }: CountCheckTarget) =>
  count.count({ model, instruction: countInstruction(`{"model":"x",${FIELDS}}`, { betas: [] }) }, never);

/** Run in this order on one worker. */
export const COUNT_CHECKS: readonly CountCheck[] = [
  {
    id: "check_counts_exact",
    name: "tokens are counted exactly",
    async run(runner) {
      const { counts, calls } = runner.api;
      counts.length = 0;
      calls.length = 0;
      equal(await ask(runner), FAKE_TOKEN_COUNT, "Claude Code changed the count");
      equal(calls.length, 0, "Claude Code called the model");
      const [body = "", ...more] = counts;
      ok(body !== "" && more.length === 0, `Claude Code called the counter ${counts.length} times`);
      equal(body.slice(body.indexOf(",")), `,${FIELDS}}`, "Claude Code changed what is counted");
    },
  },
  {
    id: "check_counter_refusals",
    name: "refusals of the counter keep upstream's words",
    async run(runner) {
      const { api } = runner;
      api.refusalOfCounts = REFUSAL;
      try {
        const error = await ask(runner).catch((error: Error) => error);
        if (!(error instanceof ApiError)) throw new Error(`Claude Code reported another error: ${error}`);
        const { status, type, message, requestId } = error;
        equal({ status, type, message, requestId }, { ...REFUSAL, requestId: FAKE_REQUEST_ID });
      } finally {
        api.refusalOfCounts = undefined;
      }
      equal(await ask(runner), FAKE_TOKEN_COUNT, "the next count was wrong");
    },
  },
];
