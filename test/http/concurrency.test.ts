import { describe, expect, it } from "vitest";
import { itThorough, QUICK } from "../support/full.ts";
import { health, simple, startApp, until } from "../support/harness.ts";
import { deferred, heldReply, text } from "../support/replies.ts";

describe("the pool behind the server", () => {
  it("serves requests up to its concurrency, queues the next, and rejects those beyond", async () => {
    await using app = await startApp({ maxConcurrent: 2, maxQueue: 1 });
    const go = deferred();
    app.fakeApi.respond = () => heldReply([text("one two three")], () => {}, go.promise);
    const running = [app.post(simple("a")), app.post(simple("b"))];
    await until(() => app.fakeApi.messages.length === 2);
    const waiting = app.post(simple("c"));
    await until(async () => (await health(app)).requests.waiting === 1);
    const refused = await app.post(simple("d"));
    expect(refused.status).toBe(529);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await refused.json()).toMatchObject({ type: "error", error: { type: "overloaded_error" } });
    expect(app.fakeApi.messages).toHaveLength(2);
    go.resolve();
    const statuses = (await Promise.all([...running, waiting])).map((response) => response.status);
    expect(statuses).toEqual([200, 200, 200]);
    expect(app.fakeApi.messages).toHaveLength(3);
  });

  it("removes a disconnected client from the queue", async () => {
    await using app = await startApp({ maxConcurrent: 1 });
    const go = deferred();
    app.fakeApi.respond = () => heldReply([text("one two three")], () => {}, go.promise);
    const running = app.post(simple("a"));
    await until(() => app.fakeApi.messages.length === 1);
    const gone = new AbortController();
    const waiting = app.post(simple("b"), {}, gone.signal).catch(() => "gone");
    await until(async () => (await health(app)).requests.waiting === 1);
    gone.abort();
    expect(await waiting).toBe("gone");
    await until(async () => (await health(app)).requests.waiting === 0);
    go.resolve();
    expect((await running).status).toBe(200);
    expect(app.fakeApi.messages.map((message) => message.body.messages[0].content)).toEqual(["a"]);
  });

  it("frees its slot whenever a client disconnects", async () => {
    await using app = await startApp({ maxConcurrent: 1, maxQueue: 100 });
    app.fakeApi.respond = () => heldReply([text("one two three")], () => {}, deferred().promise);
    for (let n = 0; n < 12; n++) {
      const gone = new AbortController();
      const answer = app
        .post(simple(`${n}`, { stream: n % 2 === 0 }), {}, gone.signal)
        .then((response) => response.text());
      if (n % 3 === 1) await until(() => app.fakeApi.messages.length > 0);
      if (n % 3 === 2) await until(async () => (await health(app)).requests.running > 0);
      gone.abort();
      await answer.catch(() => {});
      app.fakeApi.messages.length = 0;
    }
    app.fakeApi.reset();
    expect((await app.post(simple("last"))).status).toBe(200);
  });

  itThorough("serves every system prompt with one worker", async () => {
    await using app = await startApp({ maxConcurrent: 4 });
    for (const system of ["one", "two", undefined, [{ type: "text", text: "three" }]]) {
      expect((await app.post(simple("x", { system }))).status).toBe(200);
    }
    expect(new Set(app.fakeApi.messages.map(({ headers }) => headers["x-claude-code-session-id"])).size).toBe(1);
  });

  it("keeps a worker of the overlay for each system prompt, and reuses it", async () => {
    await using app = await startApp({ maxConcurrent: 4, transport: "overlay" });
    for (const system of ["one", "two", "one", [{ type: "text", text: "two" }]]) {
      expect((await app.post(simple("x", { system }))).status).toBe(200);
    }
    expect(app.fakeApi.messages.map((message) => message.body.system.at(-1).text)).toEqual([
      "one",
      "two",
      "one",
      "two",
    ]);
    const sessions = app.fakeApi.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(sessions[2]).toBe(sessions[0]);
    expect(sessions[3]).toBe(sessions[1]);
    expect(sessions[1]).not.toBe(sessions[0]);
  });

  it("sends further betas with the request that asks for them", async () => {
    await using app = await startApp();
    await app.post(simple("x"), { "anthropic-beta": "context-1m-2025-08-07, never-heard-of-2030-01-01" });
    await app.post(simple("x"));
    const betas = app.fakeApi.messages.map((message) => String(message.headers["anthropic-beta"]).split(","));
    const further = ["context-1m-2025-08-07", "never-heard-of-2030-01-01"];
    expect(betas[0]).toEqual(expect.arrayContaining(further));
    expect(betas[1]?.filter((beta) => further.includes(beta))).toEqual([]);
  });

  itThorough("replaces a worker that has served its number of requests", async () => {
    await using app = await startApp({ maxConcurrent: 1, maxRequestsPerWorker: 2 });
    for (let n = 0; n < 5; n++) expect((await app.post(simple(`${n}`))).status).toBe(200);
    const sessions = app.fakeApi.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(new Set(sessions).size).toBe(3);
  });

  it.skipIf(QUICK || process.platform === "win32")("replaces a worker that has grown too large", async () => {
    await using app = await startApp({ maxConcurrent: 1, maxWorkerMemory: 1024 });
    for (let n = 0; n < 2; n++) expect((await app.post(simple(`${n}`))).status).toBe(200);
    const sessions = app.fakeApi.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(new Set(sessions).size).toBe(2);
  });

  itThorough("ends idle workers except the warm ones", async () => {
    await using app = await startApp({ idleTimeout: 1, warm: 1 });
    await app.post(simple("x", { system: "short-lived" }));
    await expect.poll(async () => (await health(app)).workers.alive, { timeout: 20_000 }).toBe(1);
  });

  it("replaces a worker whose sign-in was rejected", async () => {
    await using app = await startApp({ maxConcurrent: 1 });
    app.fakeApi.respond = () => ({
      status: 401,
      error: { type: "authentication_error", message: "invalid x-api-key" },
    });
    expect((await app.post(simple("x"))).status).toBe(401);
    app.fakeApi.respond = () => heldReply([text("x")], () => {}, Promise.resolve());
    expect((await app.post(simple("y"))).status).toBe(200);
    const sessions = app.fakeApi.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(sessions.at(-1)).not.toBe(sessions[0]);
  });
});
