import { describe, expect, it } from "vitest";
import { cliEnded } from "../../../src/api/cliErrors.ts";
import type { CliMessage } from "../../../src/claude/protocol/codec.ts";
import { TransportUnavailable } from "../../../src/claude/transport/transport.ts";
import { CountUnavailable, ExactCountSession } from "../../../src/tokens/exactCountSession.ts";
import { fakeLink } from "../../support/sessionLink.ts";

const log = (text: string) => ({ type: "system", subtype: "ui_log", plugin: "count", text });
const RESULT = { type: "result" };
const TAKEN = [log("turn started"), RESULT];
const never = new AbortController().signal;
const envelope = (type: string, message: string) => JSON.stringify({ type: "error", error: { type, message } });
const failed = (words: string) => `2026-11-26T05:01:00.426Z [ERROR] countTokens API call failed: 499 ${words}`;
const answered = (status: number, headers = {}) => [
  log("calling"),
  log(`answered ${JSON.stringify({ status, headers })}`),
];

/** A count on a CLI that answers prompts and usage requests with these messages. */
function begin({
  taken = TAKEN as CliMessage[],
  asked = answered(200),
  tokens = 42 as number | null,
  lines = [] as string[],
} = {}) {
  const prompts: string[] = [];
  const controls: string[] = [];
  const feed = (messages: CliMessage[]) => {
    for (const message of messages) count.accept(message);
  };
  const link = fakeLink({
    write: ({ message, shouldQuery }) => {
      prompts.push(message.content);
      feed(shouldQuery === false ? [{ type: "command_lifecycle", state: "completed" }] : taken);
    },
    request: async ({ subtype }) => {
      controls.push(subtype);
      if (subtype !== "get_context_usage") return { type: "success" };
      feed(asked);
      for (const line of lines) count.onStderrLine(line);
      return { type: "success", response: { categories: tokens === null ? [] : [{ id: "messages", tokens }] } };
    },
  });
  const count = new ExactCountSession(link);
  return { count, prompts, controls, link };
}

const request = { model: "sonnet", instruction: "an instruction" };

describe("a count", () => {
  it("is what the CLI reports after the mod's call", async () => {
    const { count, prompts } = begin();
    expect(await count.count(request, never)).toBe(42);
    expect(prompts).toEqual(["an instruction"]);
  });

  it("sets the model only if it changes", async () => {
    const { count, controls } = begin();
    for (const model of ["sonnet", "sonnet", "opus"]) await count.count({ ...request, model }, never);
    expect(controls.filter((subtype) => subtype === "apply_flag_settings")).toHaveLength(2);
  });

  it.each([
    ["the CLI estimated", { lines: ["[DEBUG] analyzeContext: count unavailable, estimating locally (0 tools)"] }],
    ["the CLI reports none", { tokens: null }],
    ["no answer came", { asked: [log("calling"), log("unanswered ECONNRESET")] }],
    ["the mod denied another counter", { asked: [log("count denied")] }],
    ["upstream failed", { asked: answered(529), lines: [failed(envelope("overloaded_error", "x"))] }],
    ["a rate limit was hit", { asked: answered(429), lines: [failed(envelope("rate_limit_error", "x"))] }],
    ["the refusal is not an envelope", { asked: answered(404), lines: [failed("<html>No such page</html>")] }],
  ])("is unavailable if %s", async (_what, cli) => {
    await expect(begin(cli).count.count(request, never)).rejects.toBeInstanceOf(CountUnavailable);
  });

  it.each([
    ["prompts", { taken: [RESULT] }],
    ["calls", { asked: [] }],
  ])("is left to the other transport if the mod is not asked about %s", async (_what, cli) => {
    const { count, link } = begin(cli);
    await expect(count.count(request, never)).rejects.toBeInstanceOf(TransportUnavailable);
    expect(link.transport.mods.addBypass).toHaveBeenCalledOnce();
  });

  it("is not started for an aborted signal, and abandoned when it aborts", async () => {
    const { count, prompts } = begin({ asked: [] });
    await expect(count.count(request, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    expect(prompts).toEqual([]);
    const leaving = new AbortController();
    const counting = count.count(request, leaving.signal);
    counting.catch(() => {});
    leaving.abort();
    await expect(counting).rejects.toThrow();
    expect(prompts).toEqual(["an instruction", "claude-virtual-api abandon"]);
  });

  it("fails when the CLI ends", async () => {
    const { count } = begin({ taken: [] });
    const counting = count.count(request, never);
    count.fail(cliEnded("SIGKILL"));
    await expect(counting).rejects.toThrow("SIGKILL");
    await expect(count.count({ ...request, model: "sonnet" }, never)).rejects.toThrow("SIGKILL");
  });
});

describe("upstream's refusal", () => {
  const refused = (message: string, headers = {}) =>
    begin({ asked: answered(400, headers), lines: [failed(envelope("invalid_request_error", message))] }).count.count(
      request,
      never,
    );

  it("has its status, type, message, request id and headers", async () => {
    const words = "messages.0: \u2028 \n countTokens API call failed: 499 {}";
    const headers = { "request-id": "req_1", "retry-after": "3", server: "x" };
    await expect(refused(words, headers)).rejects.toMatchObject({
      ...{ status: 400, type: "invalid_request_error", message: words, requestId: "req_1" },
      headers: { "request-id": "req_1", "retry-after": "3" },
    });
  });

  it.each([
    ["max_tokens: [REDACTED] inputs are not permitted", "max_tokens: Extra inputs are not permitted"],
    ["a.budget_tokens: [REDACTED] should be a valid integer", "a.budget_tokens: Input should be a valid integer"],
    ["max_tokens: [REDACTED] required", "max_tokens: Field required"],
    ["token: [REDACTED] is wrong", "token: [REDACTED] is wrong"],
  ])("restores redacted words if they are known: %s", async (logged, words) => {
    await expect(refused(logged)).rejects.toMatchObject({ message: words });
  });
});

it("begins with a seed and a usage request that the mod denies", async () => {
  const { count, prompts } = begin({ asked: [log("count denied")] });
  await count.begin();
  expect(prompts).toEqual(["claude-virtual-api seed"]);
  await expect(begin({ asked: [] }).count.begin()).rejects.toBeInstanceOf(TransportUnavailable);
});
