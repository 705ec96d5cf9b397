import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fileStage } from "../support/fileStage.ts";
import { simple, stage, until } from "../support/harness.ts";
import { failure, gate, held, reply, text } from "../support/replies.ts";

let traffic = false;
const on = fileStage({ traffic: () => traffic, apiKey: "the-key-of-this-server" });
beforeEach(() => {
  traffic = false;
  on.log.length = 0;
});

const headers = { "x-api-key": "the-key-of-this-server" };
const REQUEST = /^\[info\] (GET|POST|req_)/;
const info = () => on.log.filter((line) => REQUEST.test(line));

describe("the log", () => {
  it("has one line for a request, with model, status, tokens and times", async () => {
    on.standIn.respond = () =>
      reply([text("secret answer")], { usage: { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 9 } });
    await on.post(simple("secret question"), headers);
    await until(() => info().length > 0);
    expect(info()).toEqual([
      expect.stringMatching(
        /^\[info\] POST \/v1\/messages claude-sonnet-5 200 · 12 in, 9 out · first event \d+ ms · \d+ ms$/,
      ),
    ]);
    expect(on.log.join("\n")).not.toContain("secret");
  });

  it("has a line for a request that failed", async () => {
    on.standIn.respond = () => failure(429, "rate_limit_error", "Slow down");
    await on.post(simple(), headers);
    await on.call("/v1/nowhere", { headers });
    await until(() => info().length > 1);
    expect(info()).toEqual([
      expect.stringMatching(/^\[info\] POST \/v1\/messages sonnet 429 · \d+ ms$/),
      expect.stringMatching(/^\[info\] GET \/v1\/nowhere 404 · \d+ ms$/),
    ]);
  });

  it("notes that a client has disconnected", async () => {
    on.standIn.respond = () => held([text("one two three")], () => {}, gate().opened);
    const gone = new AbortController();
    const response = await on.post(simple("x", { stream: true }), headers, gone.signal);
    gone.abort();
    await response.text().catch(() => {});
    await until(() => info().length > 0);
    expect(info()[0]).toMatch(/POST \/v1\/messages .* 200 \(client gone\) · /);
  });

  it("contains the body and every event, in order, if traffic is on", async () => {
    traffic = true;
    const response = await on.post(simple("the question", { stream: true }), headers);
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
    await on.post(simple("my key is the-key-of-this-server and sk-test-key"), headers);
    await until(() => info().some((line) => line.includes("POST")));
    expect(on.log.join("\n")).not.toMatch(/the-key-of-this-server|sk-test-key/);
  });
});

describe("a request beyond the timeout", () => {
  const slow = fileStage({ requestTimeout: 2000 });
  // the first worker's start may take longer than this timeout
  beforeAll(() => until(async () => (await slow.post(simple())).status === 200));

  it("is answered with 504 and canceled upstream", async () => {
    slow.standIn.respond = async () => {
      await gate().opened;
      throw new Error("unreachable");
    };
    const response = await slow.post(simple());
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      error: { type: "timeout_error", message: expect.stringContaining("2 s") },
    });
    expect(await slow.standIn.messages[0]!.finished).toBe(false);
  });

  it("ends its stream with an error event", async () => {
    slow.standIn.respond = () => held([text("one two three")], () => {}, gate().opened);
    const response = await slow.post(simple("x", { stream: true }));
    expect(await response.text()).toMatch(/event: error\ndata: \{"type":"error","error":\{"type":"timeout_error"/);
  });
});

describe("a draining server", () => {
  it("answers requests in flight before it closes", async () => {
    await using draining = await stage();
    const go = gate();
    const begun = gate();
    draining.standIn.respond = () => held([text("one two three")], begun.open, go.opened);
    const running: number[] = [];
    draining.server.onDidChangeRunning((count) => running.push(count));
    const answer = draining.post(simple("x"));
    await begun.opened;
    const closed = draining.server.close({ drain: true });
    go.open();
    expect((await answer).status).toBe(200);
    await closed;
    expect(running).toEqual([1, 0]);
    await expect(fetch(draining.url)).rejects.toThrow();
  });
});
