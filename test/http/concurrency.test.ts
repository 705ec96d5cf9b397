import { describe, expect, it } from "vitest";
import { health, simple, stage, until } from "../support/harness.ts";
import { gate, held, text } from "../support/replies.ts";

describe("the pool behind the server", () => {
  it("serves requests up to its concurrency, queues the next, and rejects those beyond", async () => {
    await using on = await stage({ maxConcurrent: 2, maxQueue: 1 });
    const go = gate();
    on.standIn.respond = () => held([text("one two three")], () => {}, go.opened);
    const running = [on.post(simple("a")), on.post(simple("b"))];
    await until(() => on.standIn.messages.length === 2);
    const waiting = on.post(simple("c"));
    await until(async () => (await health(on)).requests.waiting === 1);
    const refused = await on.post(simple("d"));
    expect(refused.status).toBe(529);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await refused.json()).toMatchObject({ type: "error", error: { type: "overloaded_error" } });
    expect(on.standIn.messages).toHaveLength(2);
    go.open();
    const statuses = (await Promise.all([...running, waiting])).map((response) => response.status);
    expect(statuses).toEqual([200, 200, 200]);
    expect(on.standIn.messages).toHaveLength(3);
  });

  it("removes a disconnected client from the queue", async () => {
    await using on = await stage({ maxConcurrent: 1 });
    const go = gate();
    on.standIn.respond = () => held([text("one two three")], () => {}, go.opened);
    const running = on.post(simple("a"));
    await until(() => on.standIn.messages.length === 1);
    const gone = new AbortController();
    const waiting = on.post(simple("b"), {}, gone.signal).catch(() => "gone");
    await until(async () => (await health(on)).requests.waiting === 1);
    gone.abort();
    expect(await waiting).toBe("gone");
    await until(async () => (await health(on)).requests.waiting === 0);
    go.open();
    expect((await running).status).toBe(200);
    expect(on.standIn.messages.map((message) => message.body.messages[0].content)).toEqual(["a"]);
  });

  it("frees its slot whenever a client disconnects", async () => {
    await using on = await stage({ maxConcurrent: 1, maxQueue: 100 });
    on.standIn.respond = () => held([text("one two three")], () => {}, gate().opened);
    for (let n = 0; n < 12; n++) {
      const gone = new AbortController();
      const answer = on
        .post(simple(`${n}`, { stream: n % 2 === 0 }), {}, gone.signal)
        .then((response) => response.text());
      if (n % 3 === 1) await until(() => on.standIn.messages.length > 0);
      if (n % 3 === 2) await until(async () => (await health(on)).requests.running > 0);
      gone.abort();
      await answer.catch(() => {});
      on.standIn.messages.length = 0;
    }
    on.standIn.reset();
    expect((await on.post(simple("last"))).status).toBe(200);
  });

  it("serves every system prompt with one worker", async () => {
    await using on = await stage({ maxConcurrent: 4 });
    for (const system of ["one", "two", undefined, [{ type: "text", text: "three" }]]) {
      expect((await on.post(simple("x", { system }))).status).toBe(200);
    }
    expect(new Set(on.standIn.messages.map(({ headers }) => headers["x-claude-code-session-id"])).size).toBe(1);
  });

  it("keeps a worker of the overlay for each system prompt, and reuses it", async () => {
    await using on = await stage({ maxConcurrent: 4, transport: "overlay" });
    for (const system of ["one", "two", "one", [{ type: "text", text: "two" }]]) {
      expect((await on.post(simple("x", { system }))).status).toBe(200);
    }
    expect(on.standIn.messages.map((message) => message.body.system.at(-1).text)).toEqual(["one", "two", "one", "two"]);
    const sessions = on.standIn.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(sessions[2]).toBe(sessions[0]);
    expect(sessions[3]).toBe(sessions[1]);
    expect(sessions[1]).not.toBe(sessions[0]);
  });

  it("sends further betas with the request that asks for them", async () => {
    await using on = await stage();
    await on.post(simple("x"), { "anthropic-beta": "context-1m-2025-08-07, never-heard-of-2030-01-01" });
    await on.post(simple("x"));
    const betas = on.standIn.messages.map((message) => String(message.headers["anthropic-beta"]).split(","));
    const further = ["context-1m-2025-08-07", "never-heard-of-2030-01-01"];
    expect(betas[0]).toEqual(expect.arrayContaining(further));
    expect(betas[1]?.filter((beta) => further.includes(beta))).toEqual([]);
  });

  it("replaces a worker that has served its number of requests", async () => {
    await using on = await stage({ maxConcurrent: 1, maxRequestsPerWorker: 2 });
    for (let n = 0; n < 5; n++) expect((await on.post(simple(`${n}`))).status).toBe(200);
    const sessions = on.standIn.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(new Set(sessions).size).toBe(3);
  });

  it.skipIf(process.platform === "win32")("replaces a worker that has grown too large", async () => {
    await using on = await stage({ maxConcurrent: 1, maxWorkerMemory: 1024 });
    for (let n = 0; n < 2; n++) expect((await on.post(simple(`${n}`))).status).toBe(200);
    const sessions = on.standIn.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(new Set(sessions).size).toBe(2);
  });

  it("ends idle workers except the warm ones", async () => {
    await using on = await stage({ idleTimeout: 1, warm: 1 });
    await on.post(simple("x", { system: "short-lived" }));
    await expect.poll(async () => (await health(on)).workers.alive, { timeout: 20_000 }).toBe(1);
  });

  it("replaces a worker whose sign-in was rejected", async () => {
    await using on = await stage({ maxConcurrent: 1 });
    on.standIn.respond = () => ({ status: 401, error: { type: "authentication_error", message: "invalid x-api-key" } });
    expect((await on.post(simple("x"))).status).toBe(401);
    on.standIn.respond = () => held([text("x")], () => {}, Promise.resolve());
    expect((await on.post(simple("y"))).status).toBe(200);
    const sessions = on.standIn.messages.map((message) => message.headers["x-claude-code-session-id"]);
    expect(sessions.at(-1)).not.toBe(sessions[0]);
  });
});
