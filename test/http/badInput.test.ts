import { describe, expect, it } from "vitest";
import { type App, simple } from "../support/harness.ts";
import { expectRefusal, type RawAnswer, rawRequest } from "../support/rawRequest.ts";
import { failure } from "../support/replies.ts";
import { faultlessApp } from "../support/sharedApp.ts";

const app = faultlessApp();
/** Only on the overlay does the server reject what the CLI would add, remove or fail on. */
const overlaid = faultlessApp({ transport: "overlay" });

const JSON_TYPE = { "x-api-key": "any-key", "content-type": "application/json" };
const NO_OBJECT = "Input should be a valid dictionary or object to extract fields from";
const NO_JSON = /JSON/;

const send = (
  body: string | Buffer | Buffer[],
  headers: Record<string, string | string[]> = {},
  { url }: App = app,
): Promise<RawAnswer> =>
  rawRequest(url, { method: "POST", path: "/v1/messages", headers: { ...JSON_TYPE, ...headers }, body });

/** Sends the body with and without `stream`. Expects the same JSON refusal, without a call upstream. */
async function expectBadRequest(
  body: object,
  message: string | RegExp,
  headers: Record<string, string> = {},
  details?: Record<string, unknown>,
  stage = app,
) {
  for (const sent of [body, { stream: true, ...body }]) {
    const answer = await send(JSON.stringify(sent), headers, stage);
    expectRefusal(answer, 400, "invalid_request_error", message, details);
    expect(answer.headers["x-should-retry"]).toBe("false");
  }
  expect(stage.fakeApi.messages).toHaveLength(0);
}

const without = (field: string) => ({ ...simple(), [field]: undefined });
const talk = (...messages: unknown[]) => simple("", { messages });
const say = (...blocks: unknown[]) => talk({ role: "user", content: blocks });

describe("a body that is not a request", () => {
  it.each([
    ["is not JSON", "hello", NO_JSON],
    ["is cut off", '{"model":"sonnet"', NO_JSON],
    ["is only whitespace", "  \n", NO_JSON],
    ["is UTF-16", Buffer.from(JSON.stringify(simple()), "utf16le"), NO_JSON],
    ["is empty", "", "The request body is not valid JSON: it is empty"],
    ["is a list", "[]", NO_OBJECT],
    ["is a list of requests", JSON.stringify([simple()]), NO_OBJECT],
    ["is a string", '"hello"', NO_OBJECT],
    ["is a number", "5", NO_OBJECT],
    ["is true", "true", NO_OBJECT],
    ["is null", "null", NO_OBJECT],
    [
      "is a list of a million levels",
      "[".repeat(1e6) + "]".repeat(1e6),
      "The request body is nested deeper than 1000 levels.",
    ],
  ])("is refused when it %s", async (_name, body, message) => {
    expectRefusal(await send(body), 400, "invalid_request_error", message);
    expect(app.fakeApi.messages).toHaveLength(0);
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"])(
    "is rejected as %s, which a page of another origin could send",
    async (type) => {
      const answer = await send(JSON.stringify(simple("Hi", { stream: true })), { "content-type": type });
      expectRefusal(answer, 400, "invalid_request_error", /application\/json/);
      expect(app.fakeApi.messages).toHaveLength(0);
    },
  );

  it("is rejected without a content type", async () => {
    const headers = { "x-api-key": "any-key" };
    const body = JSON.stringify(simple());
    const answer = await rawRequest(app.url, { method: "POST", path: "/v1/messages", headers, body });
    expectRefusal(answer, 400, "invalid_request_error", /application\/json/);
    expect(app.fakeApi.messages).toHaveLength(0);
  });

  it("is accepted with a charset after its type", async () => {
    const answer = await send(JSON.stringify(simple("é")), { "content-type": "Application/JSON; charset=utf-8" });
    expect(answer.status).toBe(200);
    expect(app.fakeApi.messages[0]?.body.messages).toEqual([{ role: "user", content: "é" }]);
  });
});

describe("a request", () => {
  it.each(["model", "messages"])("is rejected without %s", async (field) => {
    await expectBadRequest(without(field), `${field}: Field required`);
  });

  it.each([
    [{ model: 5 }, "model: Input should be a valid string"],
    [{ model: "" }, "model: String should have at least 1 character"],
    [{ system: 5 }, "system: Input should be a valid list"],
    [{ stream: "yes" }, /^stream: Input should be a valid boolean/],
  ])("is refused with %j", async (fields, message) => {
    await expectBadRequest(simple("Hi", fields), message);
  });

  it.each([
    [{ max_tokens: undefined }, "max_tokens: Field required"],
    [{ tools: {} }, "tools: Input should be a valid list"],
    [{ output_config: [] }, `output_config: ${NO_OBJECT}`],
    [{ output_config: "high" }, `output_config: ${NO_OBJECT}`],
    [{ system: [{ type: "text" }] }, "system.0.text: Field required"],
    [{ system: [{ text: "x" }] }, "system.0.type: Field required"],
    [{ system: [{ type: "text", text: "" }] }, /^system\.0\.text: .* non-empty$/],
    [{ mcp_servers: [{}] }, /^mcp_servers: /],
    [{ betas: ["x"] }, "betas: Extra inputs are not permitted"],
  ])("with %j is refused by the overlay, and judged upstream where it is rewritten", async (fields, message) => {
    await expectBadRequest(simple("Hi", fields), message, {}, undefined, overlaid);
    app.fakeApi.respond = () => failure(400, "invalid_request_error", "upstream's words");
    const answer = await send(JSON.stringify(simple("Hi", fields)));
    expect([answer.status, JSON.parse(answer.text).error.message]).toEqual([400, "upstream's words"]);
    const { system = [], ...others } = JSON.parse(JSON.stringify(fields));
    const [call, ...more] = app.fakeApi.messages;
    expect(more).toEqual([]);
    expect(call?.body).toMatchObject(others);
    expect(call?.body.system.slice(2)).toEqual(system);
  });

  it.each(["temperature", "top_p", "top_k"])("may not have %s in the newest version", async (field) => {
    for (const value of [1, null]) {
      const message = `${field}: Extra inputs are not permitted`;
      await expectBadRequest(simple("Hi", { [field]: value }), message, { "anthropic-version": "2026-10-21" });
    }
  });

  it("may not have a thread, and gets the error code that tool runners understand", async () => {
    const details = { error_code: "thread_unsupported_request", unsupported: ["thread"] };
    await expectBadRequest(simple("Hi", { thread: { type: "new" } }), /thread/, {}, details);
  });

  it.each(["2022-01-01", "2026-10-22", "latest"])("is rejected in the unknown version %s", async (version) => {
    await expectBadRequest(simple(), /anthropic-version/, { "anthropic-version": version });
  });

  it("is rejected with a fifth cache breakpoint, wherever they are", async () => {
    const cache_control = { type: "ephemeral" };
    const words = [{ type: "text", text: "Hi", cache_control }];
    const turns = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: words, cache_control }] },
    ];
    const tools = [{ name: "look", input_schema: { type: "object" }, cache_control }];
    const five = { messages: turns, tools, system: words, cache_control };
    const message = "A maximum of 4 blocks with cache_control may be provided. Found 5.";
    await expectBadRequest(simple("", five), message, {}, undefined, overlaid);
    const judged = await app.post(simple("", five));
    expect([judged.status, await judged.json()]).toMatchObject([400, { error: { message } }]);
    expect((await app.post(simple("", { ...five, tools: [] }))).status).toBe(200);
    expect(app.fakeApi.messages).toHaveLength(2);
  });
});

const user = (...content: unknown[]) => ({ role: "user", content });
const assistant = (...content: unknown[]) => ({ role: "assistant", content });
const hello = { role: "user", content: "Hi" };
const use = (id: string) => ({ type: "tool_use", id, name: "look", input: {} });
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: "seen" });

/** More levels than `JSON.stringify` could write. */
const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("a conversation", () => {
  it.each([
    ["no message", talk(), "messages: at least one message is required"],
    ["a string instead of messages", simple("", { messages: "Hi" }), "messages: Input should be a valid list"],
    ["a string instead of a message", talk("Hi"), `messages.0: ${NO_OBJECT}`],
    ["null instead of a message", talk(hello, null), `messages.1: ${NO_OBJECT}`],
  ])("is refused with %s", async (_name, body, message) => {
    await expectBadRequest(body, message);
  });

  it.each(["constructor", "toString", "__proto__"])("may have a block of the type %s", async (type) => {
    const answer = await send(JSON.stringify(say({ type })));
    expect(answer.status).toBe(200);
    expect(app.fakeApi.messages[0]?.body.messages[0].content).toEqual([{ type }]);
  });

  it.each([
    ["a field", `{"x":${deep(1e5)},`],
    ["a tool's schema", `{"tools":[{"name":"look","input_schema":{"type":"object","enum":${deep(1e5)}}}],`],
    ["blocks in blocks", `{"tools":[${'{"content":['.repeat(2e4)}${"]}".repeat(2e4)}],`],
  ])("is refused with %s deeper than JSON can be written", async (_name, start) => {
    const answer = await send(start + JSON.stringify(simple()).slice(1));
    expectRefusal(answer, 400, "invalid_request_error", /./);
    expect(app.fakeApi.messages).toHaveLength(0);
  });

  it("may merge turns, have system messages between them, and text before a result", async () => {
    const later = { role: "system", content: "Still be brief." };
    const messages = [
      hello,
      assistant(use("a")),
      assistant(use("b")),
      later,
      user(result("b")),
      user({ type: "text", text: "and" }, result("a")),
    ];
    expect((await app.post(talk(...messages))).status).toBe(200);
    expect(app.fakeApi.messages.map(({ body }) => body.messages)).toEqual([messages]);
  });
});
