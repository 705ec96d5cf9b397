import { describe, expect, it } from "vitest";
import { sampled } from "../support/full.ts";
import { simple } from "../support/harness.ts";
import { failure } from "../support/replies.ts";
import { faultlessApp } from "../support/sharedApp.ts";

const app = faultlessApp();

const NO_OBJECT = "Input should be a valid dictionary or object to extract fields from";
const talk = (...messages: unknown[]) => simple("", { messages });
const say = (...blocks: unknown[]) => talk({ role: "user", content: blocks });
const use = (id: string) => ({ type: "tool_use", id, name: "look", input: {} });
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: "seen" });
const user = (...content: unknown[]) => ({ role: "user", content });
const assistant = (...content: unknown[]) => ({ role: "assistant", content });
const hello = { role: "user", content: "Hi" };
const unanswered = (at: number, ids: string) =>
  `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;
const unexpected = (at: string, id: string) =>
  `${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;

/** Sends it with and without `stream`. Expects it unchanged upstream, once, and upstream's refusal. */
async function expectJudgedUpstream(body: object, message: string) {
  app.fakeApi.respond = () => failure(400, "invalid_request_error", message);
  for (const sent of [body, { stream: true, ...body }]) {
    app.fakeApi.messages.length = 0;
    const answer = await app.post(sent);
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { message } }]);
    const { model: _model, ...rest } = body as Record<string, unknown>;
    expect(app.fakeApi.messages.map((call) => call.body)).toEqual([expect.objectContaining(rest)]);
  }
}

describe("a request", () => {
  const FIELDS = [
    [{ max_tokens: 1.5 }, "max_tokens: Input should be a valid integer"],
    [{ max_tokens: -1 }, "max_tokens: Input should be greater than or equal to 0"],
    [{ max_tokens: "100" }, "max_tokens: Input should be a valid integer"],
    [{ max_tokens: null }, "max_tokens: Input should be a valid integer"],
    [{ max_tokens: 1e300 }, "max_tokens: Input should be a valid integer"],
    [{ stop_sequences: "END" }, "stop_sequences: Input should be a valid list"],
    [{ stop_sequences: [5] }, "stop_sequences.0: Input should be a valid string"],
    [{ stop_sequences: ["END", " \n"] }, "stop_sequences: each stop sequence must contain non-whitespace"],
    [{ stop_sequences: [""] }, "stop_sequences: each stop sequence must contain non-whitespace"],
    [{ temperature: "1" }, "temperature: Input should be a valid number"],
    [{ temperature: 1.01 }, "temperature: range: 0..1"],
    [{ temperature: -0.1 }, "temperature: range: 0..1"],
    [{ top_p: 2 }, "top_p: range: 0..1"],
    [{ top_k: 1.5 }, "top_k: Input should be a valid integer"],
    [{ top_k: "1" }, "top_k: Input should be a valid integer"],
    [{ tools: ["look"] }, `tools.0: ${NO_OBJECT}`],
    [{ tool_choice: "auto" }, `tool_choice: ${NO_OBJECT}`],
    [{ thinking: true }, `thinking: ${NO_OBJECT}`],
    [{ metadata: { user_id: 5 } }, "metadata.user_id: Input should be a valid string"],
    [{ metadata: { user_id: "x".repeat(513) } }, "metadata.user_id: String should have at most 512 characters"],
  ] as const;
  it.each(sampled(FIELDS, FIELDS.length, 6))("is checked upstream with %j", async (fields, message) => {
    await expectJudgedUpstream(simple("Hi", fields), message);
  });

  it("may disable top_k and top_p, like @langchain/anthropic 0.3", async () => {
    const unset = { top_k: -1, top_p: -1 };
    expect((await app.post(simple("Hi", unset))).status).toBe(200);
    expect(app.fakeApi.messages[0]?.body).toMatchObject(unset);
  });
});

describe("a conversation", () => {
  const CONTENTS = [
    ["no content", talk({ role: "user" }), "messages.0.content: Field required"],
    ["a number for content", talk({ role: "user", content: 5 }), "messages.0.content: Input should be a valid list"],
    ["no role", talk({ content: "Hi" }), "messages.0.role: Field required"],
    [
      "an unknown role",
      talk(hello, { role: "tool", content: "" }),
      "messages.1.role: Input should be 'user' or 'assistant'",
    ],
    [
      "a system message first",
      talk({ role: "system", content: "Be brief." }, hello),
      "messages.0: use the top-level 'system' parameter for the initial system prompt",
    ],
    ["a string instead of a block", say("Hi"), `messages.0.content.0: ${NO_OBJECT}`],
    ["a block without a type", say({ text: "Hi" }), "messages.0.content.0.type: Field required"],
    ["an image without a source", say({ type: "image" }), "messages.0.content.0.image.source: Field required"],
    [
      "a result without an id",
      say({ type: "tool_result" }),
      "messages.0.content.0.tool_result.tool_use_id: Field required",
    ],
    [
      "a use without an input",
      talk(hello, assistant({ ...use("a"), input: undefined })),
      "messages.1.content.0.tool_use.input: Field required",
    ],
    [
      "thinking without a signature",
      talk(hello, assistant({ type: "thinking", thinking: "Hm" })),
      "messages.1.content.0.thinking.signature: Field required",
    ],
    ["a text block without text", say({ type: "text" }), "messages.0.content.0.text.text: Field required"],
    [
      "a number instead of a text",
      say({ type: "text", text: 5 }),
      "messages.0.content.0.text.text: Input should be a valid string",
    ],
    ["null instead of a block", say(null), `messages.0.content.0: ${NO_OBJECT}`],
  ] as const;
  it.each(sampled(CONTENTS, CONTENTS.length, 5))("is checked upstream with %s", async (_name, body, message) => {
    await expectJudgedUpstream(body, message);
  });

  const USES = [
    ["a use without a result", [hello, assistant(use("a"))], unanswered(1, "a")],
    ["two uses without results", [hello, assistant(use("a"), use("b")), hello], unanswered(1, "a, b")],
    ["one of two uses unanswered", [hello, assistant(use("a"), use("b")), user(result("a"))], unanswered(1, "b")],
    [
      "a result that comes a turn late",
      [hello, assistant(use("a")), hello, assistant(), user(result("a"))],
      unanswered(1, "a"),
    ],
    [
      "a result without a use",
      [hello, { role: "assistant", content: "Yes?" }, user(result("z"))],
      unexpected("messages.2.content.0", "z"),
    ],
    ["a result at the very start", [user(result("z"))], unexpected("messages.0.content.0", "z")],
    [
      "a second result for a use",
      [hello, assistant(use("a")), user(result("a"), result("a"))],
      "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id: a",
    ],
    [
      "two uses of one id",
      [hello, assistant(use("a"), use("a")), user(result("a"))],
      "messages.1.content.1: `tool_use` ids must be unique",
    ],
  ] as const;
  it.each(sampled(USES, USES.length, 3))("is checked upstream with %s", async (_name, messages, message) => {
    await expectJudgedUpstream(talk(...messages), message);
  });

  it("may use the id of a tool call again in a later turn", async () => {
    const messages = [hello, assistant(use("a")), user(result("a")), assistant(use("a")), user(result("a"))];
    expect((await app.post(talk(...messages))).status).toBe(200);
    expect(app.fakeApi.messages.map(({ body }) => body.messages)).toEqual([messages]);
  });
});
