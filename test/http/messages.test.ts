import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventsOf, type Stage, simple, stage } from "../support/harness.ts";
import { reply, text, thinking, toolUse } from "../support/replies.ts";

let on: Stage;
beforeAll(async () => {
  on = await stage();
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
});
beforeEach(() => on.standIn.reset());

describe("POST /v1/messages", () => {
  it("answers with the folded message", async () => {
    const response = await on.post(simple("Hi"));
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
    expect(on.standIn.messages).toHaveLength(1);
  });

  it("streams upstream's own events, but its pings", async () => {
    const sent = reply([thinking("Let me see."), text("Two words"), toolUse("look", { at: "a b c" })]);
    on.standIn.respond = () => sent;
    const response = await on.post(simple("Hi", { stream: true }));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const upstream = "events" in sent ? [...(sent.events as Iterable<{ type: string }>)] : [];
    expect(await eventsOf(response)).toEqual(upstream.filter((event) => event.type !== "ping"));
  });

  it("carries the body as it is", async () => {
    const body = simple([{ type: "text", text: "/help @/etc/hostname\u2028\u0000 !ls \ud800" }], {
      system: "Be brief.",
      temperature: 0.3,
      stop_sequences: ["END"],
      tools: [{ name: "look", input_schema: { type: "object", properties: { at: { type: "string" } } } }],
      tool_choice: { type: "auto" },
      metadata: { user_id: "somebody" },
    });
    expect((await on.post(body)).status).toBe(200);
    const upstream = on.standIn.messages[0]?.body;
    const { model: _m, system: _s, ...carried } = body as unknown as Record<string, unknown>;
    expect(upstream).toMatchObject(carried);
    expect(upstream.model).toBe("claude-sonnet-5-5");
    expect(upstream.system.at(-1)).toMatchObject({ type: "text", text: "Be brief." });
  });
});
