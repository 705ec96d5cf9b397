import { createAnthropic } from "@ai-sdk/anthropic";
import {
  APICallError,
  generateText,
  type ModelMessage,
  Output,
  stepCountIs,
  streamText,
  tool,
  type UserContent,
} from "ai";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { png } from "../support/images.ts";
import { eventsFor, failure, reply, type StreamEvent, text, thinking, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { expectUpstream, heldBack, MODEL } from "./sdks.ts";

/** This model accepts sampling parameters and a thinking budget, which the SDK does not send to newer ones. */
const OLDER = "claude-sonnet-4-6";

const app = sharedApp();

/** No retries, which would hide a second call. */
const using = (model = MODEL) => ({
  model: createAnthropic({ baseURL: `${app.url}/v1`, apiKey: "local-key" })(model),
  maxOutputTokens: 4000,
  maxRetries: 0,
});

/** The body that the SDK sends for a conversation. */
const body = (messages: unknown[], more: object = {}) => ({ model: MODEL, max_tokens: 4000, messages, ...more });

const said = (words: string, role = "user") => ({ role, content: [{ type: "text", text: words }] });

const SCHEMA = {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

const WEATHER = { name: "weather", description: "Tells the weather.", input_schema: SCHEMA };

/** A tool that records its inputs. */
function weatherTool() {
  const asked: unknown[] = [];
  const weather = tool({
    description: WEATHER.description,
    inputSchema: z.object({ city: z.string() }),
    execute: async (input) => {
      asked.push(input);
      return { degrees: 20, note: 'mild "é"' };
    },
  });
  return { asked, tools: { weather } };
}

/** Answers the first call with a use of the tool after some thinking, the second with a text. */
function answerInTwoSteps() {
  const first = reply([
    thinking("Hm, well.", "EqQBCg=="),
    text("I look."),
    toolUse("weather", { city: "Köln" }, "t_1"),
  ]);
  app.fakeApi.respond = () => (app.fakeApi.messages.length === 1 ? first : reply([text("It is "), text("20 °C.")]));
}

/** The bodies of both calls, streamed or not. */
const roundTrip = (tools: unknown[]) => {
  const more = { tools, tool_choice: { type: "auto" } };
  const called = { type: "tool_use", id: "t_1", name: "weather", input: { city: "Köln" }, caller: { type: "direct" } };
  const thought = { type: "thinking", thinking: "Hm, well.", signature: "EqQBCg==" };
  const result = { type: "tool_result", tool_use_id: "t_1", content: '{"degrees":20,"note":"mild \\"é\\""}' };
  return [
    body([said("How warm?")], more),
    body(
      [
        said("How warm?"),
        { role: "assistant", content: [thought, { type: "text", text: "I look." }, called] },
        { role: "user", content: [result] },
      ],
      more,
    ),
  ];
};

describe("the Vercel AI SDK", () => {
  it("gets a text, its usage and its end", async () => {
    const usage = { input_tokens: 12, cache_read_input_tokens: 30, cache_creation_input_tokens: 5, output_tokens: 9 };
    app.fakeApi.respond = () => reply([text("Hello to you – é.")], { model: MODEL, usage });
    const result = await generateText({ ...using(), instructions: "Be brief.", prompt: "Hello – é" });
    expect(result).toMatchObject({ text: "Hello to you – é.", finishReason: "stop", rawFinishReason: "end_turn" });
    expect(result.usage).toMatchObject({ inputTokens: 47, outputTokens: 9, totalTokens: 56 });
    expect(result.usage.inputTokenDetails).toEqual({ noCacheTokens: 12, cacheReadTokens: 30, cacheWriteTokens: 5 });
    expect(result.response).toMatchObject({ id: expect.stringMatching(/^msg_/), modelId: MODEL });
    expect(result.warnings).toEqual([]);
    expectUpstream(app, body([said("Hello – é")], { system: "Be brief." }));
  });

  it("gets a stream's deltas in order, then usage and end", async () => {
    const blocks = [thinking("Hm, well.", "EqQBCg=="), text("One two three.")];
    app.fakeApi.respond = () => reply(blocks, { usage: { input_tokens: 12, output_tokens: 9 } });
    const result = streamText({ ...using(), prompt: "Count." });
    const parts: unknown[] = [];
    for await (const part of result.fullStream) {
      if (part.type.startsWith("text-") || part.type.startsWith("reasoning-")) parts.push(part);
    }
    expect(parts).toEqual([
      { type: "reasoning-start", id: "0" },
      { type: "reasoning-delta", id: "0", text: "Hm, " },
      { type: "reasoning-delta", id: "0", text: "well." },
      { type: "reasoning-delta", id: "0", text: "", providerMetadata: { anthropic: { signature: "EqQBCg==" } } },
      { type: "reasoning-end", id: "0" },
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", text: "One " },
      { type: "text-delta", id: "1", text: "two " },
      { type: "text-delta", id: "1", text: "three." },
      { type: "text-end", id: "1" },
    ]);
    expect(await result.usage).toMatchObject({ inputTokens: 12, outputTokens: 9, totalTokens: 21 });
    expect(await result.finishReason).toBe("stop");
    expectUpstream(app, body([said("Count.")]));
  });

  it("uses a tool and sends its result in a second call", async () => {
    answerInTwoSteps();
    const { asked, tools } = weatherTool();
    const result = await generateText({ ...using(), prompt: "How warm?", tools, stopWhen: stepCountIs(3) });
    expect(asked).toEqual([{ city: "Köln" }]);
    expect(result.steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    expect(result.text).toBe("It is 20 °C.");
    expect(result.totalUsage).toMatchObject({ inputTokens: 24, outputTokens: 14 });
    expectUpstream(app, ...roundTrip([WEATHER]));
  });

  it("uses a tool in a stream", async () => {
    answerInTwoSteps();
    const { asked, tools } = weatherTool();
    const result = streamText({ ...using(), prompt: "How warm?", tools, stopWhen: stepCountIs(3) });
    const parts: { type: string; delta?: string }[] = [];
    for await (const part of result.fullStream) parts.push(part);
    expect(parts.filter(({ type }) => type === "tool-input-delta").map(({ delta }) => delta)).toEqual([
      '{"city":"Köln"}',
    ]);
    expect(parts.filter(({ type }) => type === "tool-call" || type === "tool-result")).toMatchObject([
      { type: "tool-call", toolCallId: "t_1", toolName: "weather", input: { city: "Köln" } },
      { type: "tool-result", toolCallId: "t_1", output: { degrees: 20 } },
    ]);
    expect(asked).toEqual([{ city: "Köln" }]);
    // the text of all steps differs between versions of the SDK
    expect((await result.steps).at(-1)?.text).toBe("It is 20 °C.");
    expectUpstream(app, ...roundTrip([{ ...WEATHER, eager_input_streaming: true }]));
  });

  it("sends an image and a document byte for byte", async () => {
    const data = png(2, 2);
    const pdf = Buffer.from("%PDF-1.4\n%âãÏÓ\n", "latin1").toString("base64");
    const content: UserContent = [
      { type: "file", data, mediaType: "image/png" },
      { type: "file", data: pdf, mediaType: "application/pdf", filename: "a.pdf" },
      { type: "text", text: "What is it?" },
    ];
    const result = await generateText({ ...using(), messages: [{ role: "user", content }] });
    expect(result.text).toBe("You said: What is it?");
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data } };
    const source = { type: "base64", media_type: "application/pdf", data: pdf };
    const document = { type: "document", source, title: "a.pdf" };
    expectUpstream(app, body([{ role: "user", content: [image, document, { type: "text", text: "What is it?" }] }]));
  });

  it("gets thinking, and sends it back with its signature", async () => {
    const blocks = [thinking("Hm, well.", "EqQBCg=="), { type: "redacted_thinking", data: "EmwK" }, text("Yes.")];
    app.fakeApi.respond = () => reply(blocks, { model: OLDER });
    const messages: ModelMessage[] = [{ role: "user", content: "Is it?" }];
    const budget = { anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } } } as const;
    const first = await generateText({ ...using(OLDER), messages, providerOptions: budget });
    expect(first).toMatchObject({ reasoningText: "Hm, well.", text: "Yes." });
    expect(first.reasoning.map(({ providerMetadata }) => providerMetadata?.anthropic)).toEqual([
      { signature: "EqQBCg==" },
      { redactedData: "EmwK" },
    ]);

    messages.push(...first.response.messages, { role: "user", content: "Sure?" });
    const adaptive = { anthropic: { thinking: { type: "adaptive" }, effort: "low" } } as const;
    await generateText({ ...using(OLDER), messages, providerOptions: adaptive });
    const always = { model: OLDER };
    const answer = { role: "assistant", content: blocks };
    expectUpstream(
      app,
      body([said("Is it?")], { ...always, max_tokens: 6000, thinking: { type: "enabled", budget_tokens: 2000 } }),
      body([said("Is it?"), answer, said("Sure?")], {
        ...always,
        thinking: { type: "adaptive" },
        output_config: { effort: "low" },
      }),
    );
  });

  it("gets an object by the output format, and by a tool that it forces", async () => {
    const output = Output.object({ schema: z.object({ city: z.string() }) });
    app.fakeApi.respond = () => reply([text('{"city": "Köln"}')]);
    const formatted = await generateText({ ...using(), prompt: "Where?", output });
    app.fakeApi.respond = () => reply([toolUse("json", { city: "Köln" })]);
    const byTool = { anthropic: { structuredOutputMode: "jsonTool" } } as const;
    const forced = await generateText({ ...using(OLDER), prompt: "Where?", output, providerOptions: byTool });
    expect([formatted.output, forced.output]).toEqual([{ city: "Köln" }, { city: "Köln" }]);
    expectUpstream(
      app,
      body([said("Where?")], { output_config: { format: { type: "json_schema", schema: SCHEMA } } }),
      body([said("Where?")], {
        model: OLDER,
        tools: [{ name: "json", description: "Respond with a JSON object.", input_schema: SCHEMA }],
        tool_choice: { type: "any", disable_parallel_tool_use: true },
      }),
    );
  });

  it("gets the stop sequence, and sends its sampling parameters", async () => {
    app.fakeApi.respond = () => reply([text("One")], { stop_reason: "stop_sequence", stop_sequence: "END" });
    const settings = { ...using(OLDER), stopSequences: ["END", "\n\nHuman:"], temperature: 0.5, topK: 7 };
    const result = await generateText({ ...settings, prompt: "Count." });
    expect(result).toMatchObject({ text: "One", finishReason: "stop", rawFinishReason: "stop_sequence" });
    expect(result.providerMetadata?.anthropic).toMatchObject({ stopSequence: "END" });
    const sent = { model: OLDER, stop_sequences: settings.stopSequences, temperature: 0.5, top_k: 7 };
    expectUpstream(app, body([said("Count.")], sent));
  });

  it.each([
    ["max_tokens", "length"],
    ["refusal", "content-filter"],
    ["model_context_window_exceeded", "length"],
  ])("gets an answer that ended for %s, for the price of one call", async (stop_reason, finishReason) => {
    app.fakeApi.respond = () => reply([text("Once upon")], { stop_reason });
    const result = await generateText({ ...using(), prompt: "Tell." });
    expect(result).toMatchObject({ text: "Once upon", finishReason, rawFinishReason: stop_reason });
    expectUpstream(app, body([said("Tell.")]));
  });

  it.each([
    [400, "invalid_request_error", false],
    [429, "rate_limit_error", true],
    [529, "overloaded_error", true],
  ])("throws its error for upstream's %i, and has it in a stream", async (status, type, isRetryable) => {
    const message = `Upstream's own words for ${status}: "x" – é`;
    app.fakeApi.respond = () => failure(status, type, message);
    const errors: unknown[] = [];
    await generateText({ ...using(), prompt: "Hello" }).catch((error: unknown) => errors.push(error));
    const onError = ({ error }: { error: unknown }) => void errors.push(error);
    const { fullStream } = streamText({ ...using(), prompt: "Hello", onError });
    for await (const part of fullStream) expect(["start", "error"]).toContain(part.type);
    const expected = { statusCode: status, message, isRetryable, data: { error: { type, message } } };
    expect(errors).toMatchObject([expected, expected]);
    expect(errors.every((error) => APICallError.isInstance(error))).toBe(true);
    // the CLI calls again after a 400: a known flaw, which costs nothing
    const calls = status === 400 ? app.fakeApi.messages.length : 2;
    expectUpstream(app, ...Array.from({ length: calls }, () => body([said("Hello")])));
  });

  it("gets an error in mid-stream after the events before it", async () => {
    const error: StreamEvent = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const held = heldBack([...[...eventsFor([text("One two three")])].slice(0, 4), error], 1);
    app.fakeApi.respond = () => held.reply;
    const seen: unknown[] = [];
    for await (const part of streamText({ ...using(), prompt: "Count.", onError: () => {} }).fullStream) {
      if (part.type === "text-delta") held.release();
      if (part.type === "text-delta") seen.push(part.text);
      if (part.type === "error") seen.push(part.error);
    }
    expect(seen).toEqual(["One ", expect.objectContaining({ message: "Overloaded", statusCode: 529 })]);
    expectUpstream(app, body([said("Count.")]));
  });

  it("stops upstream when a stream is aborted, and is served again", async () => {
    const held = heldBack(eventsFor([text("One two three")]), 4);
    app.fakeApi.respond = () => held.reply;
    const controller = new AbortController();
    const types: string[] = [];
    for await (const part of streamText({ ...using(), prompt: "Count.", abortSignal: controller.signal }).fullStream) {
      types.push(part.type);
      if (part.type === "text-delta") controller.abort();
    }
    expect(types.at(-1)).toBe("abort");
    expect(app.fakeApi.messages).toHaveLength(1);
    expect(await app.fakeApi.messages[0]?.finished).toBe(false);
    held.release();
    app.fakeApi.reset();
    expect((await generateText({ ...using(), prompt: "Again." })).text).toBe("You said: Again.");
    expectUpstream(app, body([said("Again.")]));
  });
});
