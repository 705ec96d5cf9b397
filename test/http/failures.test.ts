import { describe, expect, it } from "vitest";
import { eventsOf, simple } from "../support/harness.ts";
import { eventsFor, failure, pacedReply, reply, type StreamEvent, text, thinking } from "../support/replies.ts";
import { onEachTransport } from "../support/transports.ts";

const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
const begun = [...eventsFor([text("one two three")])].slice(0, 5);

onEachTransport(({ app, transport, sampled }) => {
  const rewritten = <T>(value: T, overlaid: T) => (transport === "rewrite" ? value : overlaid);

  describe("a refusal of upstream", () => {
    const STATUSES: [number, string, string][] = [
      [400, "invalid_request_error", "foo: Extra inputs are not permitted"],
      [401, "authentication_error", "invalid x-api-key"],
      [402, "billing_error", "Your credit balance is too low"],
      [403, "permission_error", "Your API key does not have permission to use the specified resource"],
      [404, "not_found_error", "model: claude-nothing-9"],
      [409, "conflict_error", "Conflict"],
      [413, "request_too_large", "Request exceeds the maximum size"],
      [429, "rate_limit_error", "Number of requests has exceeded your per-minute rate limit"],
      [500, "api_error", "Internal server error"],
      [504, "timeout_error", "The request timed out"],
      [529, "overloaded_error", "Overloaded"],
    ];
    const MODES = STATUSES.flatMap((row) => [true, false].map((stream) => [...row, stream] as const));

    it.each(sampled(MODES, MODES.length, 4))(
      "%i %s keeps its status, type, words and id (%s, stream %s)",
      async (status, type, message, stream) => {
        app.fakeApi.respond = () => failure(status, type, message);
        const response = await app.post(simple("x", { stream }));
        expect(response.status).toBe(status);
        expect(response.headers.get("content-type")).toContain("application/json");
        const envelope = (await response.json()) as { request_id: string };
        expect(envelope).toEqual({
          type: "error",
          error: { type, message },
          request_id: expect.stringMatching(/^req_[0-9a-f]{24}$/),
        });
        expect(response.headers.get("request-id")).toBe(envelope.request_id);
        expect(app.fakeApi.messages).toHaveLength(1);
      },
    );

    // the CLI redacts what looks like a secret in its debug lines
    const OF_TOKENS = [
      "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-5",
      "max_tokens: Field required",
      "max_tokens: Too many of them.",
      "prompt is too long: 213462 tokens > 200000 maximum",
      "`max_tokens` must be greater than `thinking.budget_tokens`.",
      'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024, not "token": "abc"',
      "The last one (tokens: 50000)\nof two max_tokens: 7",
    ];
    const MISSED = "that is the API's, max_tokens: ";
    it.each(sampled(OF_TOKENS, 3, OF_TOKENS.length))("keeps text about tokens: %s", async (message) => {
      const details = { error_code: "of_tokens", max: 5 };
      app.fakeApi.respond = () => ({ status: 400, error: { type: "invalid_request_error", message, details } });
      const { error } = (await (await app.post(simple())).json()) as { error: object };
      // the CLI reports only the code of the details, and its debug lines are not read
      const shown = transport === "overlay" ? details : { error_code: "of_tokens" };
      expect(error).toEqual({ type: "invalid_request_error", message, details: shown });
      app.fakeApi.respond = () => failure(429, "rate_limit_error", message);
      expect(await (await app.post(simple())).json()).toMatchObject({ error: { type: "rate_limit_error", message } });
      app.fakeApi.respond = () => failure(500, "api_error", message);
      expect(await (await app.post(simple())).json()).toMatchObject({ error: { type: "api_error", message } });
      app.fakeApi.respond = () =>
        pacedReply([...begun, { type: "error", error: { type: "invalid_request_error", message, details } }]);
      // before a stream, where upstream's message is kept
      const isReworded = transport === "rewrite" && message.startsWith("prompt is too long");
      const events = await eventsOf(await app.post(simple("x", { stream: true })));
      const expected = isReworded ? "Prompt is too long" : message;
      expect(events.at(-1)).toEqual({
        type: "error",
        error: { type: "invalid_request_error", message: expected, details: shown },
      });
    });

    it.skipIf(transport === "rewrite")("keeps what the CLI leaves of text about tokens", async () => {
      const details = { error_code: "x", token: "a", max_tokens: 5 };
      app.fakeApi.respond = () => ({
        status: 404,
        error: { type: "not_found_error", message: `${MISSED}5`, details },
      });
      expect(await (await app.post(simple())).json()).toMatchObject({
        error: { type: "not_found_error", message: `${MISSED}[REDACTED]`, details: { error_code: "x" } },
      });
    });

    it.each([
      [404, "", "not_found_error", "status code (no body)"],
      [413, "<html>too large</html>", "request_too_large", rewritten("no reason given", "<html>too large</html>")],
      [502, "<html><title>Bad gateway</title></html>", "api_error", expect.stringContaining("Bad gateway")],
      [429, "slow down", "rate_limit_error", "slow down"],
      [403, "cloudflare", "permission_error", "cloudflare"],
      [503, "Service Unavailable", "api_error", "Service Unavailable"],
    ])("that is no envelope, as a gateway's, keeps its status: %i %j", async (status, plain, type, message) => {
      app.fakeApi.respond = () => ({ status, plain });
      const response = await app.post(simple());
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ type: "error", error: { type, message } });
      expect(app.fakeApi.messages).toHaveLength(1);
    });

    it("is passed on for an unknown model", async () => {
      const response = await app.post({ ...simple(), model: "gpt-4" });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { type: "not_found_error", message: "model: gpt-4" } });
    });
  });

  describe("a stream that breaks", () => {
    const BREAKS: [string, () => ReturnType<typeof pacedReply>, object][] = [
      ["with an error event", () => pacedReply([...begun, overloaded]), overloaded.error],
      ["because the connection breaks", () => pacedReply(begun), { type: "api_error" }],
    ];

    it.each(BREAKS)("%s ends with an error event, after the events before it", async (_name, answer, error) => {
      app.fakeApi.respond = answer;
      const response = await app.post(simple("x", { stream: true }));
      expect(response.status).toBe(200);
      const events = await eventsOf(response);
      expect(events.slice(0, -1)).toEqual(begun.filter((event) => event.type !== "ping"));
      expect(events.at(-1)).toEqual({ type: "error", error: expect.objectContaining(error) });
      expect(app.fakeApi.messages).toHaveLength(1);
    });

    const WORDLESS = { type: "api_error", message: expect.stringContaining("broke off") };
    it.each([
      ["an error after a thought", 6, { type: "api_error", message: "Internal" }, undefined],
      ["an overload after a thought", 6, overloaded.error, undefined],
      // the CLI reports no message for these, since it would have the model go on
      ["an error after an answer has begun", 8, { type: "api_error", message: "Internal" }, WORDLESS],
      ["an overload after an answer has begun", 8, overloaded.error, WORDLESS],
    ])("by %s ends with an error event, and costs one call", async (_name, count, error, reported = error) => {
      const blocks = [...eventsFor([thinking("Hm"), text("one two")])].slice(0, count);
      app.fakeApi.respond = () => pacedReply([...blocks, { type: "error", error }]);
      const events = (await eventsOf(await app.post(simple("x", { stream: true })))) as StreamEvent[];
      const came = blocks.filter((event) => event.type !== "ping");
      // the server cannot know whether the last stop is upstream's
      expect(events.slice(0, -1)).toEqual(came.at(-1)?.type === "content_block_stop" ? came.slice(0, -1) : came);
      expect(events.at(-1)).toEqual({ type: "error", error: reported });
      expect(app.fakeApi.messages).toHaveLength(1);
    });

    it("has its own status without a stream", async () => {
      app.fakeApi.respond = () => pacedReply([...begun, overloaded]);
      const response = await app.post(simple());
      expect(response.status).toBe(529);
      expect(await response.json()).toMatchObject(overloaded);
      expect(app.fakeApi.messages).toHaveLength(1);
    });

    it("has its own status if the error is the first event", async () => {
      app.fakeApi.respond = () => pacedReply([overloaded]);
      const response = await app.post(simple("x", { stream: true }));
      expect(response.status).toBe(529);
      expect(await response.json()).toMatchObject(overloaded);
    });
  });

  describe("an answer that is not a stream", () => {
    it.each([
      ["a gateway's page", () => ({ status: 200, plain: "<html><title>Sign in</title></html>" }), "text/html"],
      ["JSON", () => failure(200, "quota_error", "The gateway's quota is used up"), "application/json"],
      ["nothing", () => ({ status: 200, plain: "" }), "text/html"],
    ])("is reported as what it is: %s", async (_what, answer, type) => {
      app.fakeApi.respond = answer;
      for (const stream of [true, false]) {
        const response = await app.post(simple("x", { stream }));
        expect([response.status, response.headers.get("x-should-retry")]).toEqual([500, "false"]);
        const { error } = (await response.json()) as { error: { type: string; message: string } };
        expect(error.type).toBe("api_error");
        expect(error.message).toMatch(`The API answered with '${type}'`);
      }
      expect(app.fakeApi.messages).toHaveLength(2);
    });
  });

  describe("an upstream that hangs up", () => {
    it("is reported, and the next request succeeds", async () => {
      app.fakeApi.respond = () => ({ hangUp: true });
      const response = await app.post(simple());
      expect(response.status).toBe(500);
      expect(await response.json()).toMatchObject({
        error: {
          type: "api_error",
          message: expect.stringMatching(/^Claude Code could not reach the API: .*ECONNRESET/),
        },
      });
      app.fakeApi.respond = () => reply([text("here again")]);
      expect((await app.post(simple())).status).toBe(200);
    });
  });
});
