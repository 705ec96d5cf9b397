import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { apiCount } from "../support/apiCount.ts";
import { sampled } from "../support/full.ts";
import { startApp } from "../support/harness.ts";
import { png } from "../support/images.ts";
import { deferred, type Reply } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();
// no count makes a call that costs anything
afterEach(() => expect(app.fakeApi.messages).toEqual([]));

const TRUST = "claude-virtual-api-token-count";

const send = (body: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  app.call("/v1/messages/count_tokens", { method: "POST", headers, body, ...(signal && { signal }) });

async function count(fields: object) {
  const response = await send(JSON.stringify({ model: "sonnet", ...fields }));
  return [response.status, await response.json(), response.headers.get(TRUST)];
}

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const text = (value: string) => ({ type: "text", text: value });
const question = [user("What is the weather in Paris?")];
const weather = { name: "get_weather", description: "The weather", input_schema: { type: "object", properties: {} } };
const image = (width: number, height: number) => ({
  type: "image",
  source: { type: "base64", media_type: "image/png", data: png(width, height) },
});
const pdf = { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERi0x" } };

const BODIES: [string, object][] = [
  ["a text", { messages: question }],
  [
    "system blocks with cache breakpoints",
    { system: [text("One."), { ...text("Two."), cache_control: { type: "ephemeral" } }] },
  ],
  ["tools, one of them forced", { tools: [weather], tool_choice: { type: "any" } }],
  [
    "tools that the CLI would change",
    { tools: [{ ...weather, description: "Rain\u200bfall in ℃ \ufdd0", strict: true }] },
  ],
  ["the API's own tools", { tools: [{ type: "web_search_20250305", name: "web_search" }] }],
  ["thinking and an effort", { thinking: { type: "adaptive" }, output_config: { effort: "low" } }],
  ["a large image", { messages: [user([image(3000, 2000), text("What is this?")])] }],
  ["documents", { messages: [user([pdf, { ...pdf, title: "Another" }, text("Compare them.")])] }],
  ["a blank message, and consecutive user messages", { messages: [user("One."), user(" "), user("Two.")] }],
  ["a prefilled answer", { messages: [...question, assistant("It is")] }],
  [
    "3,000 messages",
    { messages: Array.from({ length: 3000 }, (_, n) => (n % 2 === 0 ? user(`${n}`) : assistant(`${n}`))) },
  ],
];

describe("is exact, by one call of the counter, for", () => {
  it.each(sampled(BODIES, 5))("%s", async (_name, fields) => {
    const body = { messages: question, ...fields };
    expect(await count(body)).toEqual([200, { input_tokens: apiCount(body) }, "exact"]);
    const { model, ...counted } = app.fakeApi.counts[0]!.body;
    expect(model).toMatch(/^claude-sonnet-/);
    expect(counted).toEqual(body);
    expect(app.fakeApi.counts).toHaveLength(1);
  });
});

const ODD = [
  `"system": "x-anthropic-billing-header: none",`,
  `"tools":[{"name":"a","input_schema":{"type":"object","maximum":12345678901234567890,"x":1.0,"x":1e2}}],`,
  String.raw`"messages" : [ {"role":"user","content":"\ud83d \u00e9 ${"\u2028"} /clear @/etc/hostname"} ]`,
].join("\r\n");

it("counts the client's own text, byte for byte", async () => {
  const response = await send(`{${ODD}, "model":"claude-sonnet-4-5-20250929","messages":[],${ODD}}`);
  expect([response.status, response.headers.get(TRUST)]).toEqual([200, "exact"]);
  // the last of a repeated field counts
  expect(app.fakeApi.counts.map(({ raw }) => raw)).toEqual([
    `{"model":"claude-sonnet-4-5-20250929",${ODD.replaceAll(",\r\n", ",").replace(" \r\n", "")}}`,
  ]);
});

it("keeps the CLI from adding a digest to a client's text", async () => {
  const system = [text("a cch=00000 b")];
  await count({ system, messages: question });
  expect(app.fakeApi.counts[0]?.body.system).toEqual(system);
});

it("counts a large or compressed body alike, on the thread", async () => {
  const body = { model: "sonnet", tools: [weather], messages: [user("word ".repeat(100_000))] };
  const plain = await send(JSON.stringify(body));
  const headers = { "content-type": "application/json", "content-encoding": "gzip" };
  const gzip = gzipSync(JSON.stringify(body));
  const compressed = await app.call("/v1/messages/count_tokens", { method: "POST", headers, body: gzip });
  for (const response of [plain, compressed]) {
    expect(response.headers.get(TRUST)).toBe("exact");
    expect(await response.json()).toEqual({ input_tokens: apiCount(body) });
  }
});

it("sends the client's betas in addition to the CLI's", async () => {
  await send(JSON.stringify({ model: "sonnet", messages: question }), { "anthropic-beta": "context-1m-2025-08-07" });
  const betas = String(app.fakeApi.counts[0]?.headers["anthropic-beta"]).split(",");
  expect(betas).toEqual(expect.arrayContaining(["context-1m-2025-08-07", "token-counting-2024-11-01"]));
  await count({ messages: question });
  expect(app.fakeApi.counts[1]?.headers["anthropic-beta"]).not.toContain("context-1m");
});

const envelope = (status: number, type: string, message: string): Reply => ({ status, error: { type, message } });

describe("passes on upstream's refusal:", () => {
  it.each([
    envelope(400, "invalid_request_error", 'messages.0.content: a "quoted" \\ word\u2028 and ü'),
    envelope(400, "invalid_request_error", "max_tokens: Extra inputs are not permitted"),
    envelope(400, "invalid_request_error", "thinking.budget_tokens: Input should be greater than or equal to 1024"),
    envelope(403, "permission_error", "Not this model."),
    envelope(404, "not_found_error", "model: claude-none"),
    envelope(413, "request_too_large", "Request exceeds the maximum size"),
  ])("%o", async (reply) => {
    const { status, error } = reply as { status: number; error: object };
    app.fakeApi.refuseCount = () => ({ ...reply, requestId: "req_1", headers: { "request-id": "req_1" } }) as Reply;
    const response = await send(JSON.stringify({ model: "sonnet", messages: question, max_tokens: 10 }));
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ type: "error", error, request_id: "req_1" });
    expect(app.fakeApi.counts).toHaveLength(1);
    app.fakeApi.refuseCount = () => undefined;
    expect((await count({ messages: question }))[2]).toBe("exact");
  });
});

const FAILURES: [string, Reply][] = [
  [
    "is overloaded and requests a retry",
    { ...envelope(529, "overloaded_error", "Overloaded"), headers: { "x-should-retry": "true" } },
  ],
  ["is rate-limited", { ...envelope(429, "rate_limit_error", "Slow down"), headers: { "retry-after": "30" } }],
  ["has no counter", envelope(501, "not_supported", "not available")],
  ["answers with a page", { status: 200, plain: "<html>Sign in</html>" }],
  ["answers without a number", { events: [], folded: { tokens: 12 } }],
  ["hangs up", { hangUp: true }],
];

describe("where upstream's counter", () => {
  it.each(sampled(FAILURES, 3))("%s, the count is estimated after one call", async (_name, reply) => {
    app.fakeApi.refuseCount = () => reply;
    const [status, body, precision] = await count({ system: "Be brief.", messages: question });
    expect([status, precision]).toEqual([200, "estimate"]);
    expect((body as { input_tokens: number }).input_tokens).toBeGreaterThan(10);
    expect(app.fakeApi.counts).toHaveLength(1);
  });
});

const workers = () => app.log.filter((line) => /worker \d+ started/.test(line));
const pidOf = (line = "") => Number(/worker (\d+)/.exec(line)?.[1]);

describe("the worker that counts", () => {
  it("serves concurrent counts one after the other, without mixing them up", async () => {
    await count({ messages: question });
    const before = workers().length;
    const bodies = Array.from({ length: 24 }, (_, n) => ({ messages: [user("word ".repeat(n + 1))] }));
    const counts = await Promise.all(bodies.map(count));
    expect(counts).toEqual(bodies.map((body) => [200, { input_tokens: apiCount(body) }, "exact"]));
    expect(workers()).toHaveLength(before);
  });

  it("gives up a count whose client disconnected, and serves the next", async () => {
    const asked = deferred();
    app.fakeApi.refuseCount = async () => {
      asked.resolve();
      return new Promise<undefined>(() => {});
    };
    const gone = new AbortController();
    const asking = send(JSON.stringify({ model: "sonnet", messages: question }), {}, gone.signal);
    const failed = expect(asking).rejects.toThrow();
    await asked.promise;
    const before = workers().length;
    gone.abort();
    await failed;
    app.fakeApi.refuseCount = () => undefined;
    expect((await count({ messages: question }))[2]).toBe("exact");
    expect(await app.fakeApi.counts[0]?.finished).toBe(false);
    expect(workers()).toHaveLength(before);
  });

  it("is replaced if it dies during a count, which is repeated", async () => {
    await count({ messages: question });
    app.fakeApi.reset();
    app.fakeApi.refuseCount = async () => {
      app.fakeApi.refuseCount = () => undefined;
      process.kill(pidOf(workers().at(-1)), "SIGKILL");
      return new Promise<undefined>(() => {});
    };
    const body = { messages: [user("Are you there?")] };
    expect(await count(body)).toEqual([200, { input_tokens: apiCount(body) }, "exact"]);
    expect(app.fakeApi.counts).toHaveLength(2);
  });

  it("logs nothing of a client's text", async () => {
    await count({ messages: [user("a most secret question")] });
    app.fakeApi.refuseCount = () => envelope(400, "invalid_request_error", "No.");
    await count({ messages: [user("a most secret question")] });
    expect(app.log.filter((line) => line.includes("secret question"))).toEqual([]);
  });
});

it("is replaced after upstream has refused its sign-in", async () => {
  app.fakeApi.refuseCount = () => envelope(401, "authentication_error", "invalid x-api-key");
  const before = workers().length;
  const [status, refused] = await count({ messages: question });
  expect([status, refused]).toMatchObject([401, { error: { message: "invalid x-api-key" } }]);
  app.fakeApi.refuseCount = () => undefined;
  expect((await count({ messages: question }))[2]).toBe("exact");
  expect(workers().length).toBeGreaterThan(before);
});

it("requires a sign-in like a message", async () => {
  await using other = await startApp({ environment: { PATH: process.env.PATH, HOME: "/nonexistent" } });
  const body = JSON.stringify({ model: "sonnet", messages: question });
  const response = await other.call("/v1/messages/count_tokens", { method: "POST", body });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: { details: { error_code: "cli_not_signed_in" } } });
});
