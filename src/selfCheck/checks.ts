import { deepStrictEqual as equal, ok } from "node:assert/strict";
import type { StreamEvent } from "../api/events.ts";
import type { MessageId } from "../api/messageDescriptors.ts";
import type { TransportName } from "../claude/transport/transport.ts";
import { CHECK_SYSTEM_PROMPT, type CheckRunner } from "./checkRunner.ts";
import { type Answer, FAKE_REQUEST_ID } from "./fakeApi.ts";

/** A behaviour of the CLI that the server relies on. `run` rejects if the CLI lacks it. */
export interface Check {
  /** For translation. */
  id: MessageId;
  /** Shown to the user if the check fails. */
  name: string;
  run(runner: CheckRunner): Promise<void>;
}

export const DEFAULT_ALIAS = "sonnet";

const PLAIN_REQUEST = { max_tokens: 64, messages: [{ role: "user", content: "Hello" }] };

/** A request with every field, and with text that the CLI could mistake for a command. */
const FULL_REQUEST = {
  max_tokens: 2077,
  messages: [
    { role: "user", content: [{ type: "text", text: "/help @/etc/hosts\u2028!ls" }] },
    { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input: { at: 1 } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "seen" }] },
  ],
  tools: [{ name: "look", description: "Looks", input_schema: { type: "object", properties: {} } }],
  tool_choice: { type: "auto" },
  stop_sequences: ["END"],
  metadata: { user_id: "somebody" },
  thinking: { type: "enabled", budget_tokens: 1024 },
  output_config: { effort: "low" },
};

const CLI_FIELDS: Record<TransportName, readonly string[]> = {
  overlay: ["metadata", "tools", "temperature"],
  rewrite: ["metadata"],
};

const MESSAGE_START: StreamEvent = {
  type: "message_start",
  message: {
    ...{ id: "msg_selfcheck", type: "message", role: "assistant", model: "claude-selfcheck", content: [] },
    ...{ stop_reason: null, stop_sequence: null, usage: { input_tokens: 9, output_tokens: 1 } },
  },
};
const BLOCK_EVENTS: StreamEvent[] = [
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello\u2028you" } },
  { type: "content_block_stop", index: 0 },
];

const answer = (stop_reason: string, usage: object = {}): StreamEvent[] => [
  MESSAGE_START,
  ...BLOCK_EVENTS,
  {
    type: "message_delta",
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: 2, ...usage },
  },
  { type: "message_stop" },
];

const oneCall = (id: MessageId, name: string, answer: Answer): Check => ({
  id,
  name: `one call ${name}`,
  async run(runner) {
    const { calls } = await runner.ask(PLAIN_REQUEST, answer);
    // under a guard no mod can prevent a repeated refusal, which costs nothing
    const allowed = runner.isGuarded && "status" in answer ? [1, 2] : [1];
    ok(allowed.includes(calls.length), `Claude Code called the API ${calls.length} times`);
  },
});

const NOT_FOUND = { status: 404, type: "not_found_error", message: "model: claude-selfcheck" };
const OVERLOADED: StreamEvent = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };

function expectNothingAdded(added: string[]): void {
  equal(added, [], `Claude Code added ${added.join(", ")}`);
}

function addedTo({ transport }: CheckRunner, request: object, body: object): string[] {
  const asked = [...Object.keys(request), "model", "system", "stream", ...CLI_FIELDS[transport]];
  return Object.keys(body).filter((field) => !asked.includes(field));
}

/** Run in this order on one worker, so that each also shows that the one before left nothing behind. */
export const CHECKS: readonly Check[] = [
  {
    id: "check_requests_unchanged",
    name: "requests reach upstream unchanged",
    async run(runner) {
      const { body } = await runner.askOnce(FULL_REQUEST, answer("end_turn"));
      for (const [field, value] of Object.entries(FULL_REQUEST))
        equal(body[field], value, `Claude Code changed '${field}'`);
    },
  },
  {
    id: "check_nothing_added",
    name: "nothing is added to requests",
    async run(runner) {
      const { body } = await runner.askOnce(PLAIN_REQUEST, answer("end_turn"));
      expectNothingAdded(addedTo(runner, PLAIN_REQUEST, body));
      equal(body.messages, PLAIN_REQUEST.messages, "Claude Code changed the messages");
      ok(!JSON.stringify(body).includes("cache_control"), "Claude Code added cache breakpoints");
      expectNothingAdded(addedTo(runner, FULL_REQUEST, (await runner.askOnce(FULL_REQUEST, answer("end_turn"))).body));
    },
  },
  {
    id: "check_system_prompt",
    name: "the system prompt is carried",
    async run(runner) {
      const { body } = await runner.askOnce(PLAIN_REQUEST, answer("end_turn"));
      const system = body.system as { text?: string }[];
      equal(system.at(-1)?.text, CHECK_SYSTEM_PROMPT);
      ok(system.length <= 3, "Claude Code added to the system prompt");
    },
  },
  {
    id: "check_aliases",
    name: "aliases become model ids",
    async run(runner) {
      const { body } = await runner.askOnce(PLAIN_REQUEST, answer("end_turn"));
      ok(String(body.model).startsWith("claude-"), `the request named the model '${body.model}'`);
    },
  },
  {
    id: "check_events_unchanged",
    name: "events come back unchanged",
    async run(runner) {
      const sent = answer("stop_sequence");
      const { events } = await runner.askOnce(PLAIN_REQUEST, sent);
      equal(events, sent);
    },
  },
  oneCall("check_once_after_max_tokens", "after max_tokens", { events: answer("max_tokens") }),
  oneCall("check_once_after_refusal", "after a refusal", { events: answer("refusal") }),
  oneCall("check_once_after_break", "after a broken stream", {
    events: [MESSAGE_START, ...BLOCK_EVENTS.slice(0, 2), OVERLOADED],
  }),
  oneCall("check_once_without_model", "where upstream has no such model", NOT_FOUND),
  {
    id: "check_error_words",
    name: "errors keep upstream's words",
    async run(runner) {
      const { error } = await runner.ask(PLAIN_REQUEST, NOT_FOUND);
      const { status, type, message, requestId } = error ?? {};
      equal({ status, type, message, requestId }, { ...NOT_FOUND, requestId: FAKE_REQUEST_ID });
    },
  },
  {
    id: "check_large_answers",
    name: "large answers do not end the worker",
    async run(runner) {
      await runner.askOnce(PLAIN_REQUEST, answer("end_turn", { input_tokens: 990_000, output_tokens: 9000 }));
      await runner.askOnce(PLAIN_REQUEST, answer("end_turn"));
    },
  },
  {
    id: "check_stop",
    name: "a request can be stopped",
    async run(runner) {
      const call = await runner.askAndStop(PLAIN_REQUEST, { events: [MESSAGE_START], endless: true });
      equal(await call.ended, false);
      await runner.askOnce(PLAIN_REQUEST, answer("end_turn"));
    },
  },
];
