import { describe, expect, it } from "vitest";
import { itThorough, sampled } from "../support/full.ts";
import { eventsOf, simple } from "../support/harness.ts";
import { deferred, eventsFor, pacedReply, reply, text, thinking, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();

/** The types of the arriving events. */
async function* streamed(response: Response): AsyncGenerator<string> {
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    for (const [, type] of chunk.matchAll(/^event: (\w+)$/gm)) yield type!;
  }
}

describe("POST /v1/messages", () => {
  it("answers with the folded message", async () => {
    const response = await app.post(simple("Hi"));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(response.headers.get("request-id")).toMatch(/^req_\w{20,}$/);
    expect(await response.json()).toMatchObject({
      type: "message",
      role: "assistant",
      model: "claude-sonnet-5-5",
      content: [{ type: "text", text: "You said: Hi" }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 12, output_tokens: 7 },
    });
    expect(app.fakeApi.messages).toHaveLength(1);
  });

  it("streams upstream's events, except its pings", async () => {
    const sent = reply([thinking("Let me see."), text("Two words"), toolUse("look", { at: "a b c" })]);
    app.fakeApi.respond = () => sent;
    const response = await app.post(simple("Hi", { stream: true }));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const upstream = "events" in sent ? [...(sent.events as Iterable<{ type: string }>)] : [];
    expect(await eventsOf(response)).toEqual(upstream.filter((event) => event.type !== "ping"));
  });

  itThorough("sends pings while upstream is silent, once the answer has begun", async () => {
    const { promise, resolve } = deferred();
    async function* slow() {
      for (const event of eventsFor([text("At last")])) {
        yield event;
        if (event.type === "message_start") await promise;
      }
    }
    app.fakeApi.respond = () => pacedReply(slow());
    const types: string[] = [];
    for await (const event of streamed(await app.post(simple("Hi", { stream: true })))) {
      types.push(event);
      if (event === "ping") resolve();
    }
    expect(types.slice(0, 3)).toEqual(["message_start", "ping", "content_block_start"]);
    expect(types.at(-1)).toBe("message_stop");
  });

  it("sends the body unchanged", async () => {
    const body = simple([{ type: "text", text: "/help @/etc/hostname\u2028\u0000 !ls" }], {
      system: "Be brief.",
      temperature: 0.3,
      stop_sequences: ["END"],
      tools: [{ name: "look", input_schema: { type: "object", properties: { at: { type: "string" } } } }],
      tool_choice: { type: "auto" },
      metadata: { user_id: "somebody" },
    });
    expect((await app.post(body)).status).toBe(200);
    const upstream = app.fakeApi.messages[0]?.body;
    const { model: _m, system: _s, ...carried } = body as unknown as Record<string, unknown>;
    expect(upstream).toMatchObject(carried);
    expect(upstream.model).toBe("claude-sonnet-5-5");
    expect(upstream.system.at(-1)).toMatchObject({ type: "text", text: "Be brief." });
  });

  const commands = ["/help", "@/etc/hostname", "!ls", "#note", "  /cost now", "exit"];
  it.each(sampled(commands, commands.length, 3))("sends %j as text", async (content) => {
    expect((await app.post(simple(content))).status).toBe(200);
    expect(app.fakeApi.messages[0]?.body.messages).toEqual([{ role: "user", content }]);
  });

  it("sends and receives lines of 10 MB", async () => {
    const long = "0123456789".repeat(1024 * 1024);
    app.fakeApi.respond = () => reply([text(long)]);
    const response = await app.post(simple(long));
    const answer = (await response.json()) as { content: { text: string }[] };
    expect(app.fakeApi.messages[0]?.body.messages[0].content === long).toBe(true);
    expect(answer.content[0]?.text === long).toBe(true);
  });

  it("sends a schema of 900 levels", async () => {
    let schema: object = { type: "object" };
    for (let level = 0; level < 900; level++) schema = { items: schema };
    const tools = [{ name: "look", input_schema: { type: "object", properties: schema } }];
    expect((await app.post(simple("Hi", { tools }))).status).toBe(200);
    expect(app.fakeApi.messages[0]?.body.tools).toEqual(tools);
  });

  it("sends and receives lone surrogates unchanged", async () => {
    app.fakeApi.respond = () => reply([text("down \udc00 here")]);
    const response = await app.post(simple("up \ud800 here"));
    expect(app.fakeApi.messages[0]?.body.messages[0].content).toBe("up \ud800 here");
    expect(await response.json()).toMatchObject({ content: [{ text: "down \udc00 here" }] });
  });

  it("sends system blocks unchanged, after the CLI's", async () => {
    const system = [
      { type: "text", text: "First." },
      { type: "text", text: "Second." },
    ];
    await app.post(simple("Hi", { system }));
    expect(app.fakeApi.messages[0]?.body.system.slice(2)).toEqual(system);
  });

  const mark = { cache_control: { type: "ephemeral" } };
  const marked = (count: number) => Array.from({ length: count }, (_, i) => ({ type: "text", text: `${i}`, ...mark }));
  const MARKS: [name: string, system: unknown, elsewhere: number, overlaid: number][] = [
    ["no breakpoint", "Be brief.", 0, 0],
    ["a breakpoint on the system prompt", [{ type: "text", text: "Be brief.", ...mark }], 0, 2],
    ["breakpoints on the system prompt and elsewhere", [{ type: "text", text: "Be brief.", ...mark }], 2, 2],
    ["the maximum of breakpoints", [{ type: "text", text: "Be brief.", ...mark }], 3, 0],
    ["breakpoints elsewhere only", "Be brief.", 3, 0],
  ];
  it.each(MARKS)("with %s, upstream gets the client's", async (_name, system, elsewhere) => {
    const content = elsewhere === 0 ? "Hi" : marked(elsewhere);
    expect((await app.post(simple(content, { system }))).status).toBe(200);
    const { body } = app.fakeApi.messages[0]!;
    expect(body.messages[0].content).toEqual(content);
    expect(body.system.slice(2)).toEqual(typeof system === "string" ? [{ type: "text", text: system }] : system);
    expect(JSON.stringify(body.system.slice(0, 2))).not.toContain("cache_control");
  });

  describe("by the overlay", () => {
    const app = sharedApp({ transport: "overlay" });
    it.each(MARKS)("with %s, upstream does not get too many", async (_name, system, elsewhere, overlaid) => {
      const content = elsewhere === 0 ? "Hi" : marked(elsewhere);
      expect((await app.post(simple(content, { system }))).status).toBe(200);
      const { body } = app.fakeApi.messages[0]!;
      expect(body.messages[0].content).toEqual(content);
      expect(body.system.filter((block: object) => "cache_control" in block)).toHaveLength(overlaid);
    });
  });

  const ENDS: [string, Parameters<typeof reply>[0]][] = [
    ["max_tokens", [text("cut off")]],
    ["refusal", [text("no")]],
    ["model_context_window_exceeded", [text("full")]],
    ["pause_turn", [text("wait")]],
    ["stop_sequence", [text("until")]],
    ["tool_use", [toolUse("unknown", {})]],
    ["end_turn", []],
  ];
  it.each(sampled(ENDS, ENDS.length, 4))(
    "makes one upstream call if the answer ends with %s",
    async (stop_reason, blocks) => {
      const scripted = reply(blocks, { stop_reason });
      app.fakeApi.respond = () => scripted;
      const response = await app.post(simple());
      expect(await response.json()).toEqual("folded" in scripted ? scripted.folded : undefined);
      // the worker takes the next request only after this one
      app.fakeApi.respond = () => reply([text("next")]);
      await app.post(simple("next"));
      expect(app.fakeApi.messages).toHaveLength(2);
    },
  );
});
