import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { simple, startApp, until } from "../support/harness.ts";
import { deferred, failure, heldReply, reply, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

let traffic = false;
const app = sharedApp({ traffic: () => traffic, apiKey: "the-key-of-this-server" });
beforeEach(() => {
  traffic = false;
  app.log.length = 0;
});

const headers = { "x-api-key": "the-key-of-this-server" };
const REQUEST = /^\[info\] (GET|POST|req_)/;
const info = () => app.log.filter((line) => REQUEST.test(line));

describe("the log", () => {
  it("has one line for a request, with model, status, tokens and times", async () => {
    app.fakeApi.respond = () =>
      reply([text("secret answer")], { usage: { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 9 } });
    await app.post(simple("secret question"), headers);
    await until(() => info().length > 0);
    expect(info()).toEqual([
      expect.stringMatching(
        /^\[info\] POST \/v1\/messages claude-sonnet-5 200 · 12 in, 9 out · first event \d+ ms · \d+ ms$/,
      ),
    ]);
    expect(app.log.join("\n")).not.toContain("secret");
  });

  it("has a line for a request that failed", async () => {
    app.fakeApi.respond = () => failure(429, "rate_limit_error", "Slow down");
    await app.post(simple(), headers);
    await app.call("/v1/nowhere", { headers });
    await until(() => info().length > 1);
    expect(info()).toEqual([
      expect.stringMatching(/^\[info\] POST \/v1\/messages sonnet 429 · \d+ ms$/),
      expect.stringMatching(/^\[info\] GET \/v1\/nowhere 404 · \d+ ms$/),
    ]);
  });

  it("notes that a client has disconnected", async () => {
    app.fakeApi.respond = () => heldReply([text("one two three")], () => {}, deferred().promise);
    const gone = new AbortController();
    const response = await app.post(simple("x", { stream: true }), headers, gone.signal);
    gone.abort();
    await response.text().catch(() => {});
    await until(() => info().length > 0);
    expect(info()[0]).toMatch(/POST \/v1\/messages .* 200 \(client gone\) · /);
  });

  it("contains the body and every event, in order, if traffic is on", async () => {
    traffic = true;
    const response = await app.post(simple("the question", { stream: true }), headers);
    await response.text();
    await until(() => info().some((line) => line.includes("POST")));
    const lines = info();
    expect(lines[0]).toMatch(/^\[info\] req_\w+ → \{.*"the question"/);
    expect(lines[1]).toMatch(/^\[info\] req_\w+ ← \{.*"request-id":/);
    expect(lines[1]).toContain(response.headers.get("request-id"));
    const types = lines.flatMap((line) => / ← \{"type":"(\w+)"/.exec(line)?.[1] ?? []);
    expect(types[0]).toBe("message_start");
    expect(types.slice(-2)).toEqual(["message_delta", "message_stop"]);
  });

  it("never contains a credential", async () => {
    traffic = true;
    await app.post(simple("my key is the-key-of-this-server and sk-test-key"), headers);
    await until(() => info().some((line) => line.includes("POST")));
    expect(app.log.join("\n")).not.toMatch(/the-key-of-this-server|sk-test-key/);
  });
});

describe("a request beyond the timeout", () => {
  const slow = sharedApp({ requestTimeout: 2000 });
  // the first worker's start may take longer than this timeout
  beforeAll(() => until(async () => (await slow.post(simple())).status === 200));

  it("is answered with 504 and canceled upstream", async () => {
    slow.fakeApi.respond = async () => {
      await deferred().promise;
      throw new Error("unreachable");
    };
    const response = await slow.post(simple());
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      error: { type: "timeout_error", message: expect.stringContaining("2 s") },
    });
    expect(await slow.fakeApi.messages[0]!.finished).toBe(false);
  });

  it("ends its stream with an error event", async () => {
    slow.fakeApi.respond = () => heldReply([text("one two three")], () => {}, deferred().promise);
    const response = await slow.post(simple("x", { stream: true }));
    expect(await response.text()).toMatch(/event: error\ndata: \{"type":"error","error":\{"type":"timeout_error"/);
  });
});

describe("a draining server", () => {
  it("answers requests in flight before it closes", async () => {
    await using draining = await startApp();
    const go = deferred();
    const begun = deferred();
    draining.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, go.promise);
    const running: number[] = [];
    draining.server.onDidChangeRunning((count) => running.push(count));
    const answer = draining.post(simple("x"));
    await begun.promise;
    const closed = draining.server.close({ drain: true });
    go.resolve();
    expect((await answer).status).toBe(200);
    await closed;
    expect(running).toEqual([1, 0]);
    await expect(fetch(draining.url)).rejects.toThrow();
  });
});
