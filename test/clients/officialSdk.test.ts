import type Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { sampled } from "../support/full.ts";
import { eventsFor, reply, text, thinking, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { clientOf, expectUpstream, MODEL, SDKS } from "./sdks.ts";

type Create = Anthropic.MessageCreateParamsNonStreaming;

/** A PNG of one pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const app = sharedApp();

const asking = (content: Anthropic.MessageParam["content"], more: Partial<Create> = {}): Create => ({
  model: MODEL,
  max_tokens: 4000,
  messages: [{ role: "user", content }],
  ...more,
});

const usage = {
  input_tokens: 12,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 7,
  output_tokens_details: { thinking_tokens: 0 },
  service_tier: "standard",
  inference_geo: "global",
};

describe.each(sampled(SDKS, SDKS.length, 1))("the official SDK, $name", ({ SDK, version }) => {
  const client = () => clientOf(SDK, app).client;

  it("gets a message", async () => {
    app.fakeApi.respond = () => reply([text("Hello to you.")], { model: MODEL });
    const message = await client().messages.create(asking("Hello"));
    expect(message).toEqual({
      id: expect.stringMatching(/^msg_/),
      type: "message",
      role: "assistant",
      model: MODEL,
      content: [{ type: "text", text: "Hello to you." }],
      stop_reason: "end_turn",
      stop_sequence: null,
      stop_details: null,
      container: null,
      usage,
    });
    expect(message._request_id).toMatch(/^req_/);
    expectUpstream(app, asking("Hello"));
  });

  it("gets the events of a stream as upstream sent them", async () => {
    const upstream = [...eventsFor([thinking("Let me see."), text("Two words"), toolUse("look", { at: "a b" })])];
    app.fakeApi.respond = () => ({ events: upstream });
    const events: unknown[] = [];
    for await (const event of await client().messages.create({ ...asking("Hello"), stream: true })) events.push(event);
    expect(events).toEqual(upstream.filter(({ type }) => type !== "ping"));
    expectUpstream(app, asking("Hello"));
  });

  it("folds a stream into the same message as without a stream", async () => {
    const sent = reply([thinking("Let me see."), text("Two words"), toolUse("look", { at: ["a b", { c: 1 }] })], {
      stop_reason: "tool_use",
    });
    app.fakeApi.respond = () => sent;
    const created = await client().messages.create(asking("Hello"));
    const stream = client().messages.stream(asking("Hello"));
    const said: string[] = [];
    stream.on("text", (delta) => said.push(delta));
    const { parsed_output, ...final } = await stream.finalMessage();
    // its fold ignores a container that is null
    expect({ ...final, container: final.container ?? null }).toEqual(created);
    expect(parsed_output).toBeNull();
    expect(said).toEqual(["Two ", "words"]);
    expect(stream.request_id).toMatch(/^req_/);
    expectUpstream(app, asking("Hello"), asking("Hello"));
  });

  it("sends every message of a round of tools", async () => {
    const tools: Anthropic.Tool[] = [
      { name: "weather", description: "Tells it.", input_schema: { type: "object", properties: { at: {} } } },
    ];
    const first = asking("How warm is it?", { tools, tool_choice: { type: "any" } });
    const input = { at: "Köln", days: [1, 2], deep: { odd: 'a"b\\c\u2028' } };
    app.fakeApi.respond = () => reply([text("I look."), toolUse("weather", input, "toolu_01")]);
    const answer = await client().messages.create(first);
    expect(answer.stop_reason).toBe("tool_use");
    const call = { type: "tool_use", id: "toolu_01", name: "weather", input, caller: { type: "direct" } };
    expect(answer.content).toEqual([{ type: "text", text: "I look." }, call]);

    const second = asking("", { tools });
    second.messages = [
      ...first.messages,
      { role: "assistant", content: answer.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_01", content: "20 °C", is_error: false }] },
    ];
    app.fakeApi.respond = () => reply([text("It is 20 °C.")]);
    const final = await client().messages.create(second);
    expect(final.content).toEqual([{ type: "text", text: "It is 20 °C." }]);
    expectUpstream(app, first, second);
  });

  it("gets the thinking that it requests, and requests nothing else", async () => {
    app.fakeApi.respond = () => reply([thinking("Hm, well.", "EqQBCg=="), text("Yes.")]);
    const request = asking("Is it?", { thinking: { type: "enabled", budget_tokens: 2000 } });
    const message = await client().messages.create(request);
    const thought = { type: "thinking", thinking: "Hm, well.", signature: "EqQBCg==" };
    expect(message.content).toEqual([thought, { type: "text", text: "Yes." }]);
    expectUpstream(app, request);
  });

  it.each([
    ["adaptive thinking and an effort", { thinking: { type: "adaptive" }, output_config: { effort: "low" } }],
    ["disabled thinking", { thinking: { type: "disabled" } }],
    ["metadata and a service tier", { metadata: { user_id: "somebody" }, service_tier: "standard_only" }],
    ["no parallel tools", { tools: [], tool_choice: { type: "auto", disable_parallel_tool_use: true } }],
  ] as [string, Partial<Create>][])("has %s carried as asked", async (_name, more) => {
    await client().messages.create(asking("Hello", more));
    expectUpstream(app, asking("Hello", more));
  });

  it("sends thinking blocks back with their signature", async () => {
    const request = asking("And now?");
    request.messages = [
      { role: "user", content: "Is it?" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm.", signature: "EqQBCg==" },
          { type: "redacted_thinking", data: "EmwK" },
          { type: "text", text: "Yes.", citations: null },
        ],
      },
      ...request.messages,
    ];
    await client().messages.create(request);
    expectUpstream(app, request);
  });

  it("sends an image byte for byte", async () => {
    const request = asking([
      { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
      { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
      { type: "text", text: "What is it?" },
    ]);
    await client().messages.create(request);
    expectUpstream(app, request);
    expect(app.fakeApi.messages[0]?.raw).toContain(`"data":"${PIXEL}"`);
  });

  it("sends documents unchanged", async () => {
    const data = Buffer.from("%PDF-1.4\n%âãÏÓ\n", "latin1").toString("base64");
    const request = asking([
      { type: "document", source: { type: "base64", media_type: "application/pdf", data }, title: "A", context: null },
      {
        type: "document",
        source: { type: "text", media_type: "text/plain", data: "Grüße\r\n\tEnd" },
        citations: { enabled: true },
      },
      { type: "text", text: "Which?" },
    ]);
    await client().messages.create(request);
    expectUpstream(app, request);
  });

  it("gets citations, the same as from its own fold", async () => {
    const citation = {
      type: "char_location",
      cited_text: "Grüße",
      document_index: 0,
      document_title: null,
      start_char_index: 0,
      end_char_index: 5,
      file_id: null,
    };
    const [start, open, ping, ...rest] = [...eventsFor([{ ...text("Hi"), citations: [] }])];
    const cited = { type: "content_block_delta", index: 0, delta: { type: "citations_delta", citation } };
    app.fakeApi.respond = () => ({ events: [start, open, ping, cited, ...rest] as never });
    const created = await client().messages.create(asking("Hello"));
    expect(created.content).toEqual([{ type: "text", text: "Hi", citations: [citation] }]);
    const { parsed_output: _, ...final } = await client().messages.stream(asking("Hello")).finalMessage();
    expect({ ...final, container: final.container ?? null }).toEqual(created);
  });

  it("gets structured output, parsed by its own helper", async () => {
    const schema = {
      type: "object",
      properties: { name: { type: "string" }, age: { type: "integer" } },
      required: ["name", "age"],
      additionalProperties: false,
    } as const;
    const request = asking("Who?", { output_config: { format: { type: "json_schema", schema } } });
    app.fakeApi.respond = () => reply([text('{"name": "Ada Ö", "age": 36}')]);
    const message = await client().messages.parse(request);
    expect(message.parsed_output).toEqual({ name: "Ada Ö", age: 36 });
    expect(message.content).toEqual([{ type: "text", text: '{"name": "Ada Ö", "age": 36}' }]);
    expectUpstream(app, request);
  });

  it("gets the stop sequence that ended the answer", async () => {
    app.fakeApi.respond = () => reply([text("One")], { stop_reason: "stop_sequence", stop_sequence: "END" });
    const request = asking("Count.", { stop_sequences: ["END", "\n\nHuman:"] });
    const message = await client().messages.create(request);
    expect(message).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "END" });
    expectUpstream(app, request);
  });

  it.each([
    ["max_tokens", {}],
    ["refusal", { stop_details: { type: "refusal", category: "cyber", explanation: "No." } }],
    ["pause_turn", {}],
    ["model_context_window_exceeded", {}],
  ])("gets the answer that ended for %s, for the price of one call", async (stop_reason, more) => {
    app.fakeApi.respond = () => reply([text("Once upon")], { stop_reason, ...more });
    const message = await client().messages.create(asking("Tell."));
    expect(message).toMatchObject({ stop_reason, stop_details: null, ...more, content: [{ text: "Once upon" }] });
    expectUpstream(app, asking("Tell."));
  });

  it.each([
    ["a text", "Be brief. /help @file"],
    ["one block", [{ type: "text", text: "Be brief." }]],
    ["blocks, which become one", ["Be brief.", "Be kind.\n"].map((words) => ({ type: "text" as const, text: words }))],
  ] as [string, string | Anthropic.TextBlockParam[]][])("has its system prompt sent: %s", async (_name, system) => {
    await client().messages.create(asking("Hello", { system }));
    expectUpstream(app, asking("Hello", { system }));
  });

  it("sends sampling parameters only in versions that have them", async () => {
    const sampling = { temperature: 0.5, top_p: 0.9, top_k: 40 };
    const request = asking("Hello", sampling as Partial<Create>);
    if (version === "2023-06-01") {
      await client().messages.create(request);
      expectUpstream(app, request);
      return;
    }
    await expect(client().messages.create(request)).rejects.toMatchObject({
      status: 400,
      error: { error: { message: "temperature: Extra inputs are not permitted" } },
    });
    expect(app.fakeApi.messages).toHaveLength(0);
  });
});
