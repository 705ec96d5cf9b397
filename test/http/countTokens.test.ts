import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { apiCount } from "../support/apiCount.ts";
import { itThorough, sampled } from "../support/full.ts";
import { startApp, until } from "../support/harness.ts";
import { png } from "../support/images.ts";
import { deferred, type Reply } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp({ transport: "overlay" });
// no count makes a call that costs anything
afterEach(() => expect(app.fakeApi.messages).toEqual([]));

const ask = (body: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  app.call("/v1/messages/count_tokens", {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });

type Counted = { input_tokens: number };

async function count(body: object) {
  const response = await ask({ model: "sonnet", ...body });
  return [response.status, await response.json(), response.headers.get("claude-virtual-api-token-count")];
}

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const text = (value: string) => ({ type: "text", text: value });
const image = { type: "image", source: { type: "base64", media_type: "image/png", data: png(750, 100) } };
const weather = {
  name: "get_weather",
  description: "The weather of a city",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const search = { ...weather, name: "a_search", description: "Finds things", cache_control: { type: "ephemeral" } };

const withProperty = (description: string) => ({
  ...weather,
  input_schema: { type: "object", properties: { city: { type: "string", description } } },
});

const EXACT: [string, object[]][] = [
  ["a text", [user("The quick brown fox jumps over the lazy dog.")]],
  ["a conversation", [user("What is 2 + 2?"), assistant("4."), user([text("And"), text("3 + 3?")])]],
  ["an image", [user([image, text("What is this?")])]],
  ["consecutive user messages", [user("One."), user("Two.")]],
  [
    "tools in the history",
    [
      user("Weather?"),
      assistant([{ type: "tool_use", id: "toolu_1", name: "get_weather", input: { city: "Paris" } }]),
      user([{ type: "tool_result", tool_use_id: "toolu_1", content: [text("22 degrees"), image] }]),
    ],
  ],
];

describe("equals the API's own count of", () => {
  it.each(sampled(EXACT, 3, 1))("%s", async (_name, messages) => {
    expect(await count({ messages })).toEqual([200, { input_tokens: apiCount({ messages }) }, "exact"]);
  });
});

const question = [user("What is the weather in Paris?")];
const SUMS: [string, object][] = [
  ["a system prompt", { system: "You are a helpful assistant." }],
  ["system blocks", { system: [text("You are a helpful assistant."), text("Be brief.")] }],
  ["tools", { tools: [weather, search] }],
  [
    "tools with the names of the server's own",
    { tools: ["padding_1", "padding_2"].map((name) => ({ ...search, name })) },
  ],
  ["both", { system: "You are a helpful assistant.", tools: [weather] }],
];

describe("is the sum of the API's counts of the parts, and equal to that of the whole, with", () => {
  it.each(sampled(SUMS, 2, 1))("%s", async (_name, rest) => {
    const body = { messages: question, ...rest };
    const { system } = rest as { system?: { text: string }[] };
    // the CLI joins blocks to one text, with a blank line
    const breaks = Array.isArray(system) ? 2 * (system.length - 1) : 0;
    expect(await count(body)).toEqual([200, { input_tokens: apiCount(body) + breaks }, "sum"]);
  });
});

const ESTIMATES: [string, object][] = [
  ["the API's own tools", { tools: [{ type: "web_search_20250305", name: "web_search" }] }],
  ["a tool whose schema the CLI flattens", { tools: [{ ...weather, input_schema: { type: "object", anyOf: [{}] } }] }],
  ["a tool with a character that the CLI removes", { tools: [{ ...weather, description: "Rain\u200bfall" }] }],
  ["a tool with a character that the CLI replaces", { tools: [withProperty("Degrees in ℃")] }],
  ["a tool with a character of private use", { tools: [withProperty("An \ue000")] }],
  ["a tool with a noncharacter", { tools: [withProperty("An \ufdd0")] }],
  ["a forced tool", { tools: [weather], tool_choice: { type: "any" } }],
  ["thinking", { thinking: { type: "enabled", budget_tokens: 1024 } }],
  [
    "a system message in mid-conversation",
    { messages: [...question, assistant("22"), user("Sure?"), { role: "system", content: "x" }] },
  ],
  [
    "more messages than the CLI reads within seconds",
    { messages: Array.from({ length: 2001 }, (_, n) => (n % 2 === 0 ? user(`${n}`) : assistant(`${n}`))) },
  ],
  ["a large image", { messages: [user([{ ...image, source: { ...image.source, data: png(3000, 2000) } }])] }],
  ["a structured output", { output_config: { format: { type: "json_schema", schema: { type: "object" } } } }],
];

describe("is marked as an estimate with", () => {
  it.each(sampled(ESTIMATES, 4, 1))("%s", async (_name, rest) => {
    const [status, body, precision] = await count({ messages: question, ...rest });
    expect([status, precision]).toEqual([200, "estimate"]);
    expect((body as Counted).input_tokens).toBeGreaterThan(10);
  });
});

describe("an estimate of tools", () => {
  const cost = async (tools: object[]) => ((await count({ messages: question, tools }))[1] as Counted).input_tokens;
  const strict = { ...weather, name: "is_strict", strict: true };
  const presence = 346;

  const uncounted: [string, object][] = [
    ["one without a description", { ...weather, description: undefined }],
    ["a strict one", strict],
    ["one of the API's own", { type: "bash_20250124", name: "bash" }],
  ];
  it.each(sampled(uncounted, 3, 1))("includes the tool prompt if no tool is counted: %s", async (_name, tool) => {
    expect(await cost([tool])).toBeGreaterThan((await cost([])) + presence);
  });

  itThorough("includes the tool prompt once, counted or not", async () => {
    const [none, first, both] = [await cost([]), await cost([weather]), await cost([weather, strict])];
    expect(both - first).toBeLessThan(presence);
    expect((await cost([strict, { ...strict, name: "too" }])) - none).toBeLessThan(2 * presence);
  });
});

const failures: [string, Reply][] = [
  ["is overloaded", { status: 529, error: { type: "overloaded_error", message: "Overloaded" } }],
  ["has no counter", { status: 501, error: { type: "not_supported", message: "not available" } }],
  ["hangs up", { hangUp: true }],
];

describe("where upstream's counter", () => {
  it.each(sampled(failures, 1))("%s, estimates", async (name, reply) => {
    app.fakeApi.refuseCount = () => reply;
    const messages = [user(`Is the counter there when it ${name}?`)];
    const [status, body, precision] = await count({ messages });
    expect([status, precision]).toEqual([200, "estimate"]);
    expect((body as Counted).input_tokens).toBeGreaterThan(10);
  });

  it("refuses, passes the refusal on", async () => {
    const response = await ask({ model: "no-such-model", messages: question });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: { type: "not_found_error", message: "model: no-such-model" },
    });
  });
});

describe("a request", () => {
  it("is counted for the mapped model", async () => {
    await count({ model: "claude-3-5-haiku-20241022", messages: [user("Who are you?")] });
    expect(app.fakeApi.counts[0]?.body.model).toMatch(/^claude-haiku-4|^claude-haiku-5/);
  });

  it("is not counted twice", async () => {
    const messages = [user("Once and again.")];
    const first = await count({ messages });
    app.fakeApi.reset();
    expect(await count({ messages })).toEqual(first);
    expect(app.fakeApi.counts).toHaveLength(0);
  });

  itThorough("is counted alike if its body is read on the thread", async () => {
    const compressed = async (body: object) => {
      const headers = { "content-type": "application/json", "content-encoding": "gzip" };
      const sent = gzipSync(JSON.stringify({ model: "sonnet", ...body }));
      const response = await app.call("/v1/messages/count_tokens", { method: "POST", headers, body: sent });
      return [response.status, await response.json(), response.headers.get("claude-virtual-api-token-count")];
    };
    const [text, image] = [EXACT[0]?.[1], EXACT[2]?.[1]];
    const sum = { messages: text, system: "Be brief!", tools: [weather, search] };
    const estimate = { ...sum, tools: [weather, { ...search, strict: true }] };
    for (const body of [sum, estimate, { messages: image }]) {
      const counted = await compressed(body);
      // the counter is called once for equal requests
      const { length } = app.fakeApi.counts;
      expect(await count(body)).toEqual(counted);
      expect(app.fakeApi.counts).toHaveLength(length);
    }
    app.fakeApi.refuseCount = () => ({ status: 529, error: { type: "overloaded_error", message: "Overloaded" } });
    const uncounted = { ...sum, messages: [user("Is it overloaded?")] };
    expect(await compressed(uncounted)).toEqual(await count(uncounted));
  });

  it.each([
    ["max_tokens: Extra inputs are not permitted", { model: "sonnet", messages: question, max_tokens: 10 }],
    ["stream: Extra inputs are not permitted", { model: "sonnet", messages: question, stream: true }],
    ["model: Field required", { messages: question }],
    ["messages: Field required", { model: "sonnet" }],
    ["messages.0.content: Field required", { model: "sonnet", messages: [{ role: "user" }] }],
  ])("is refused with %s", async (message, body) => {
    const response = await ask(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", message } });
  });

  it("ignores `?beta=true`", async () => {
    const response = await app.call("/v1/messages/count_tokens?beta=true", {
      method: "POST",
      body: JSON.stringify({ model: "sonnet", messages: question }),
    });
    expect(await response.json()).toEqual({ input_tokens: apiCount({ messages: question }) });
  });

  it("leaves no worker behind when its client disconnects", async () => {
    const asked = deferred();
    const answered = deferred();
    app.fakeApi.refuseCount = async () => {
      asked.resolve();
      await answered.promise;
      return undefined;
    };
    const gone = new AbortController();
    const asking = ask({ model: "sonnet", messages: [user("Wait for me!")] }, {}, gone.signal);
    const failed = expect(asking).rejects.toThrow();
    await asked.promise;
    const ended = () => app.log.filter((line) => line.includes(" ended (")).length;
    const before = ended();
    gone.abort();
    await failed;
    await until(() => ended() > before);
    answered.resolve();
  });
});

// see signIn.test.ts for counts without a sign-in
itThorough("requires a sign-in like a message", async () => {
  await using other = await startApp({ environment: { PATH: process.env.PATH, HOME: "/nonexistent" } });
  const response = await other.call("/v1/messages/count_tokens", {
    method: "POST",
    body: JSON.stringify({ model: "sonnet", messages: question }),
  });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: { details: { error_code: "cli_not_signed_in" } } });
});
