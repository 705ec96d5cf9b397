import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { sampled } from "../support/full.ts";
import { eventsOf, simple, until } from "../support/harness.ts";
import { deferred, heldReply, text } from "../support/replies.ts";
import { startServerProcess, workersOf } from "../support/serverProcess.ts";

/** A worker may outlive its server by so many milliseconds. */
const GONE_WITHIN = 10_000;

describe.skipIf(process.platform !== "linux")("the headless server", () => {
  // see below for SIGINT
  it.each(sampled(["SIGTERM", "SIGKILL", "SIGINT"] as const, 3, 1))(
    "leaves no CLI behind after %s in mid-stream",
    async (signal) => {
      await using server = await startServerProcess();
      const begun = deferred();
      server.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, deferred().promise);
      const answer = server
        .post(simple("x", { stream: true }))
        .then((response) => response.text())
        .catch(() => "cut");
      await begun.promise;
      expect(workersOf(server.home).length).toBeGreaterThan(0);
      server.child.kill(signal);
      const [code, killedBy] = await once(server.child, "exit");
      expect(signal === "SIGKILL" ? killedBy : code).toBe(signal === "SIGKILL" ? "SIGKILL" : 0);
      await expect.poll(() => workersOf(server.home), { timeout: GONE_WITHIN }).toEqual([]);
      await answer;
    },
  );

  it("closes in order if one Ctrl-C arrives twice, from the terminal and from npm", async () => {
    await using server = await startServerProcess();
    const begun = deferred();
    server.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, deferred().promise);
    const response = await server.post(simple("x", { stream: true }));
    await begun.promise;
    const ended = once(server.child, "exit");
    server.child.kill("SIGINT");
    expect((await eventsOf(response)).at(-1)).toMatchObject({ type: "error", error: { type: "overloaded_error" } });
    server.child.kill("SIGINT");
    expect(await ended).toEqual([0, null]);
  });

  it("sends an error if the worker is killed in mid-stream, and serves the next request", async () => {
    await using server = await startServerProcess();
    const begun = deferred();
    server.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, deferred().promise);
    const response = await server.post(simple("x", { stream: true }));
    await begun.promise;
    for (const pid of workersOf(server.home)) process.kill(pid, "SIGKILL");
    const events = await eventsOf(response);
    expect(events[0]).toHaveProperty("type", "message_start");
    expect(events.at(-1)).toMatchObject({ type: "error", error: { type: "api_error" } });
    expect(JSON.stringify(events.at(-1))).toContain("SIGKILL");
    server.fakeApi.reset();
    expect((await server.post(simple("next"))).status).toBe(200);
  });

  it("answers 500 if the worker is killed before the first event, and serves the next request", async () => {
    await using server = await startServerProcess();
    const asked = deferred();
    server.fakeApi.respond = async () => {
      asked.resolve();
      await deferred().promise;
      throw new Error("unreachable");
    };
    const answer = server.post(simple());
    await asked.promise;
    for (const pid of workersOf(server.home)) process.kill(pid, "SIGKILL");
    const response = await answer;
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      error: { type: "api_error", message: expect.stringContaining("SIGKILL") },
    });
    server.fakeApi.reset();
    expect((await server.post(simple("next"))).status).toBe(200);
  });

  it("stops the upstream call if the client disconnects, and goes on with the same worker", async () => {
    await using server = await startServerProcess(["--max-concurrent", "1"]);
    await until(() => server.output.stderr.includes("started"));
    const begun = deferred();
    server.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, deferred().promise);
    const gone = new AbortController();
    const request = fetch(`${server.url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": "k", "content-type": "application/json" },
      body: JSON.stringify(simple("x", { stream: true })),
      signal: gone.signal,
    }).then((response) => response.text());
    await begun.promise;
    const before = workersOf(server.home);
    gone.abort();
    await expect(request).rejects.toThrow();
    expect(await server.fakeApi.messages[0]!.finished).toBe(false);
    server.fakeApi.reset();
    expect((await server.post(simple("next"))).status).toBe(200);
    expect(workersOf(server.home)).toEqual(before);
  });
});
