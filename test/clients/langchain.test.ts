import { ChatAnthropic, type ChatAnthropicInput } from "@langchain/anthropic";
import { type AIMessageChunk, HumanMessage, SystemMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { png } from "../support/images.ts";
import { eventsFor, failure, reply, text, thinking, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { expectUpstream, heldBack, MODEL } from "./sdks.ts";

/** This model accepts sampling parameters and a thinking budget, which LangChain does not send to newer ones. */
const OLDER = "claude-sonnet-4-6";

const app = sharedApp();

/** A chat model without retries, which would hide a second call. */
const chat = (more: Partial<ChatAnthropicInput> = {}) =>
  new ChatAnthropic({
    model: MODEL,
    maxTokens: 4000,
    apiKey: "local-key",
    anthropicApiUrl: app.url,
    maxRetries: 0,
    ...more,
  });

/** The body that LangChain sends for a conversation. */
const body = (messages: unknown[], more: object = {}) => ({ model: MODEL, max_tokens: 4000, messages, ...more });

const said = (content: unknown, role = "user") => ({ role, content });

const SHAPE = z.object({ city: z.string() });
const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

const WEATHER = { name: "weather", description: "Tells the weather.", input_schema: SCHEMA };
const weather = tool(async ({ city }) => `20 °C in "${city}"`, { ...WEATHER, schema: SHAPE });

const THOUGHT = { type: "thinking", thinking: "Hm, well.", signature: "EqQBCg==" };
const CALLED = { type: "tool_use", id: "t_1", name: "weather", input: { city: "Köln" }, caller: { type: "direct" } };

/** Both calls of a question that uses the weather tool. */
const roundTrip = () => [
  body([said("How warm?")], { tools: [WEATHER] }),
  body(
    [
      said("How warm?"),
      said([THOUGHT, { type: "text", text: "I look." }, CALLED], "assistant"),
      said([{ type: "tool_result", tool_use_id: "t_1", content: '20 °C in "Köln"' }]),
    ],
    { tools: [WEATHER] },
  ),
];

/** Answers the first call with a use of the tool after some thinking, the second with a text. */
function answerInTwoSteps() {
  const first = reply([
    thinking("Hm, well.", "EqQBCg=="),
    text("I look."),
    toolUse("weather", { city: "Köln" }, "t_1"),
  ]);
  app.fakeApi.respond = () => (app.fakeApi.messages.length === 1 ? first : reply([text("It is 20 °C.")]));
}

/** All chunks of a stream, and what they add up to. */
async function collect(stream: AsyncIterable<AIMessageChunk>) {
  const chunks: AIMessageChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, whole: chunks.reduce((whole, chunk) => whole.concat(chunk)) };
}

describe("LangChain", () => {
  it("gets a text, its usage and its end", async () => {
    const usage = { input_tokens: 12, cache_read_input_tokens: 30, cache_creation_input_tokens: 5, output_tokens: 9 };
    app.fakeApi.respond = () => reply([text("Hello to you – é.")], { model: MODEL, usage });
    const message = await chat().invoke([new SystemMessage("Be brief."), new HumanMessage("Hello – é")]);
    expect(message.content).toBe("Hello to you – é.");
    expect(message.id).toMatch(/^msg_/);
    expect(message.response_metadata).toMatchObject({ model: MODEL, stop_reason: "end_turn" });
    expect(message.usage_metadata).toEqual({
      input_tokens: 47,
      output_tokens: 9,
      total_tokens: 56,
      input_token_details: { cache_creation: 5, cache_read: 30 },
    });
    expectUpstream(app, body([said("Hello – é")], { system: "Be brief." }));
  });

  it("gets a stream's deltas in order, then usage and end", async () => {
    app.fakeApi.respond = () => reply([text("One two three.")]);
    const { chunks, whole } = await collect(await chat().stream("Count."));
    expect(chunks.map(({ content }) => content).filter((content) => content !== "")).toEqual([
      "One ",
      "two ",
      "three.",
    ]);
    // LangChain adds the one token of the first event to the seven of the last
    expect(whole.usage_metadata).toMatchObject({ input_tokens: 12, output_tokens: 8, total_tokens: 20 });
    expect(whole.additional_kwargs.stop_reason).toBe("end_turn");
    expectUpstream(app, body([said("Count.")]));
  });

  it("uses a tool and sends its result in a second call", async () => {
    answerInTwoSteps();
    const model = chat().bindTools([weather]);
    const first = await model.invoke("How warm?");
    expect(first.tool_calls).toEqual([{ type: "tool_call", id: "t_1", name: "weather", args: { city: "Köln" } }]);
    expect(first.content).toEqual([THOUGHT, { type: "text", text: "I look." }, CALLED]);
    const results = await Promise.all((first.tool_calls ?? []).map((call) => weather.invoke(call)));
    const last = await model.invoke([new HumanMessage("How warm?"), first, ...results]);
    expect(last.content).toBe("It is 20 °C.");
    expectUpstream(app, ...roundTrip());
  });

  it("uses a tool in a stream, and sends the same second call", async () => {
    answerInTwoSteps();
    const model = chat().bindTools([weather]);
    const { chunks, whole } = await collect(await model.stream("How warm?"));
    const parts = chunks.flatMap(({ tool_call_chunks }) => tool_call_chunks ?? []).map(({ args }) => args);
    expect(parts.join("")).toBe('{"city":"Köln"}');
    expect(whole.tool_calls).toEqual([{ type: "tool_call", id: "t_1", name: "weather", args: { city: "Köln" } }]);
    const results = await Promise.all((whole.tool_calls ?? []).map((call) => weather.invoke(call)));
    const { whole: last } = await collect(await model.stream([new HumanMessage("How warm?"), whole, ...results]));
    expect(last.text).toBe("It is 20 °C.");
    expectUpstream(app, ...roundTrip());
  });

  it("forces a tool on request", async () => {
    app.fakeApi.respond = () => reply([toolUse("weather", { city: "Köln" }, "t_1")]);
    const message = await chat({ model: OLDER }).bindTools([weather], { tool_choice: "weather" }).invoke("How warm?");
    expect(message.tool_calls).toMatchObject([{ name: "weather", args: { city: "Köln" } }]);
    expect(message.response_metadata.stop_reason).toBe("tool_use");
    const forced = { model: OLDER, tools: [WEATHER], tool_choice: { type: "tool", name: "weather" } };
    expectUpstream(app, body([said("How warm?")], forced));
  });

  it("sends images byte for byte, in its old and its new shape", async () => {
    const data = png(2, 2);
    const content = [
      { type: "image_url", image_url: { url: `data:image/png;base64,${data}` } },
      { type: "image", mimeType: "image/png", data },
      { type: "text", text: "What is it?" },
    ];
    const message = await chat().invoke([new HumanMessage({ content })]);
    expect(message.content).toBe("You said: What is it?");
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data } };
    expectUpstream(app, body([said([image, image, { type: "text", text: "What is it?" }])]));
  });

  it("gets thinking, and sends it back with its signature", async () => {
    const blocks = [THOUGHT, { type: "redacted_thinking", data: "EmwK" }, { type: "text", text: "Yes." }];
    app.fakeApi.respond = () => reply(blocks, { model: OLDER });
    const question = new HumanMessage("Is it?");
    const budget = { thinking: { type: "enabled", budget_tokens: 2000 } } as const;
    const first = await chat({ model: OLDER, ...budget }).invoke([question]);
    expect(first.content).toEqual(blocks);
    const adaptive = { thinking: { type: "adaptive" }, outputConfig: { effort: "low" } } as const;
    const { whole } = await collect(await chat(adaptive).stream([question, first, new HumanMessage("Sure?")]));
    expect(whole.content).toMatchObject(blocks);
    expectUpstream(
      app,
      body([said("Is it?")], { model: OLDER, ...budget }),
      body([said("Is it?"), said(blocks, "assistant"), said("Sure?")], {
        thinking: { type: "adaptive" },
        output_config: { effort: "low" },
      }),
    );
  });

  it("gets an object by a tool that it forces, and by the output format", async () => {
    app.fakeApi.respond = () => reply([toolUse("extract", { city: "Köln" })]);
    const forced = await chat({ model: OLDER, temperature: 0.5 }).withStructuredOutput(SHAPE).invoke("Where?");
    app.fakeApi.respond = () => reply([text('{"city": "Köln"}')]);
    const formatted = await chat().withStructuredOutput(SHAPE, { method: "jsonSchema" }).invoke("Where?");
    expect([forced, formatted]).toEqual([{ city: "Köln" }, { city: "Köln" }]);
    const { $schema, ...schema } = SCHEMA;
    // LangChain moves fields unknown to the API into the description
    const format = { type: "json_schema", schema: { ...schema, description: `{$schema: "${$schema}"}` } };
    expectUpstream(
      app,
      body([said("Where?")], {
        model: OLDER,
        temperature: 0.5,
        tools: [{ name: "extract", description: "A function available to call.", input_schema: SCHEMA }],
        tool_choice: { type: "tool", name: "extract" },
      }),
      body([said("Where?")], { output_config: { format } }),
    );
  });

  it("gets the stop sequence, and sends its sampling parameters", async () => {
    app.fakeApi.respond = () => reply([text("One")], { stop_reason: "stop_sequence", stop_sequence: "END" });
    const stop = ["END", "\n\nHuman:"];
    const message = await chat({ model: OLDER, temperature: 0.5, topK: 7 }).invoke("Count.", { stop });
    expect(message.content).toBe("One");
    expect(message.response_metadata).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "END" });
    expectUpstream(app, body([said("Count.")], { model: OLDER, stop_sequences: stop, temperature: 0.5, top_k: 7 }));
  });

  it.each(["max_tokens", "refusal"])("gets an answer that ended for %s, for the price of one call", async (reason) => {
    app.fakeApi.respond = () => reply([text("Once upon")], { stop_reason: reason });
    const message = await chat().invoke("Tell.");
    expect(message.content).toBe("Once upon");
    expect(message.response_metadata.stop_reason).toBe(reason);
    expectUpstream(app, body([said("Tell.")]));
  });

  it("sends its betas in addition to the CLI's", async () => {
    await chat({ betas: ["context-1m-2025-08-07"] }).invoke("Hello");
    const betas = String(app.fakeApi.messages[0]?.headers["anthropic-beta"]).split(",");
    expect(betas).toEqual(expect.arrayContaining(["context-1m-2025-08-07", "claude-code-20250219"]));
    expectUpstream(app, body([said("Hello")]));
  });

  it.each([
    [400, "invalid_request_error", undefined],
    [400, "invalid_request_error", "CONTEXT_OVERFLOW"],
    [429, "rate_limit_error", "MODEL_RATE_LIMIT"],
    [529, "overloaded_error", undefined],
  ])("throws its error for upstream's %i %s (%s), and has it in a stream", async (status, type, code) => {
    const overflow = "prompt is too long: 213462 tokens > 200000 maximum";
    const message = code === "CONTEXT_OVERFLOW" ? overflow : `Upstream's own words for ${status}: "x" – é`;
    app.fakeApi.respond = () => failure(status, type, message);
    const errors: unknown[] = [];
    const keep = (error: unknown) => void errors.push(error);
    await chat()
      .invoke("Hello")
      .then(() => expect.unreachable("the request was answered"), keep);
    await chat()
      .stream("Hello")
      .then(collect)
      .then(() => expect.unreachable("the stream went well"), keep);
    expect(errors).toMatchObject(
      // LangChain wraps an overflow into its own error
      code === "CONTEXT_OVERFLOW"
        ? Array(2).fill({ name: "ContextOverflowError", message: expect.stringContaining(overflow) })
        : Array(2).fill({ status, error: { error: { type, message } }, ...(code && { lc_error_code: code }) }),
    );
    // the CLI calls again after a 400: a known flaw, which costs nothing
    const calls = status === 400 ? app.fakeApi.messages.length : 2;
    expectUpstream(app, ...Array.from({ length: calls }, () => body([said("Hello")])));
  });

  it("stops upstream when a stream is aborted, and is served again", async () => {
    const held = heldBack(eventsFor([text("One two three")]), 4);
    app.fakeApi.respond = () => held.reply;
    const controller = new AbortController();
    const seen: unknown[] = [];
    const read = async () => {
      for await (const { content } of await chat().stream("Count.", { signal: controller.signal })) {
        seen.push(content);
        if (content === "One ") controller.abort();
      }
    };
    await expect(read()).rejects.toThrow(/abort/i);
    expect(seen).toContain("One ");
    expect(app.fakeApi.messages).toHaveLength(1);
    expect(await app.fakeApi.messages[0]?.finished).toBe(false);
    held.release();
    app.fakeApi.reset();
    expect((await chat().invoke("Again.")).content).toBe("You said: Again.");
    expectUpstream(app, body([said("Again.")]));
  });
});
