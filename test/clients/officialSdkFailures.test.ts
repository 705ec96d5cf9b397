import type Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { sampled } from "../support/full.ts";
import { eventsFor, failure, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { clientOf, expectUpstream, heldBack, MODEL, SDKS } from "./sdks.ts";

const app = sharedApp();

const HELLO: Anthropic.MessageCreateParamsNonStreaming = {
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: "user", content: "Hello" }],
};

/** Upstream's statuses, with the error class of each major of the SDK. */
const FAILURES = [
  [400, "invalid_request_error", "BadRequestError", "BadRequestError"],
  [401, "authentication_error", "AuthenticationError", "AuthenticationError"],
  [403, "permission_error", "PermissionDeniedError", "PermissionDeniedError"],
  [404, "not_found_error", "NotFoundError", "NotFoundError"],
  [413, "request_too_large", "ContentTooLargeError", "APIError"],
  [429, "rate_limit_error", "RateLimitError", "RateLimitError"],
  [500, "api_error", "InternalServerError", "InternalServerError"],
  [529, "overloaded_error", "OverloadedError", "InternalServerError"],
] as const;

/** The CLI may call again for these: a known flaw, which costs nothing. */
const REPEATED: readonly number[] = [400, 404];

/** Starts an answer that upstream holds back after two of three words. Resolves once the client has one. */
function holdAnswer() {
  const held = heldBack(eventsFor([text("One two three")]), 4);
  app.fakeApi.respond = () => held.reply;
  return held.release;
}

/** An answer up to its first word. */
const BEGINNING = [...eventsFor([text("One two three")])].slice(0, 4);

describe.each(SDKS)("the official SDK, $name", ({ SDK, version }) => {
  const client = () => clientOf(SDK, app).client;
  const isNew = version === "2026-10-21";

  describe.each([
    ["an answer", (): PromiseLike<unknown> => client().messages.create(HELLO)],
    ["a stream", (): PromiseLike<unknown> => client().messages.create({ ...HELLO, stream: true })],
  ])("asking for %s", (_kind, ask) => {
    it.each(sampled(FAILURES, 5, 3))(
      "throws its own error for upstream's %i %s",
      async (status, type, newClass, oldClass) => {
        const words = `Upstream's own words for ${status}: "x" {y} – é`;
        app.fakeApi.respond = () => failure(status, type, words, { "request-id": "req_upstream1" });
        const error = await Promise.resolve(ask()).then(
          () => expect.unreachable("the request was answered"),
          (thrown: InstanceType<typeof Anthropic.APIError>) => thrown,
        );
        expect(error.constructor).toBe((SDK as unknown as Record<string, unknown>)[isNew ? newClass : oldClass]);
        expect(error.status).toBe(status);
        expect(error.error).toEqual({ type: "error", error: { type, message: words }, request_id: "req_upstream1" });
        expect(error.requestID).toBe("req_upstream1");
        if (!REPEATED.includes(status)) expectUpstream(app, HELLO);
      },
    );

    it("throws its own error when upstream drops the connection before it answers", async () => {
      app.fakeApi.respond = () => ({ hangUp: true });
      await expect(Promise.resolve(ask())).rejects.toMatchObject({
        status: 500,
        error: { error: { type: "api_error" } },
      });
    });
  });

  describe.each([
    [
      "an error event",
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
      "overloaded_error",
      529,
    ],
    ["a dropped connection", "cut", "api_error", 500],
  ] as const)("in mid-stream", (name, end, type, status) => {
    /** Fails on demand, so that earlier events have arrived. */
    const failLater = () => {
      const held = heldBack([...BEGINNING, end], 1);
      app.fakeApi.respond = () => held.reply;
      return held.release;
    };

    it(`throws for ${name} after the events before it`, async () => {
      const fail = failLater();
      const seen: string[] = [];
      const read = async () => {
        for await (const event of await client().messages.create({ ...HELLO, stream: true })) {
          seen.push(event.type);
          if (event.type === "content_block_delta") fail();
        }
      };
      await expect(read()).rejects.toMatchObject({ error: { type: "error", error: { type } } });
      expect(seen).toEqual(["message_start", "content_block_start", "content_block_delta"]);
      expectUpstream(app, HELLO);
    });

    it(`ends its stream helper with ${name}`, async () => {
      const stream = client().messages.stream(HELLO).once("text", failLater());
      await expect(stream.finalMessage()).rejects.toMatchObject({ error: { error: { type } } });
      expect(stream.errored).toBe(true);
      expectUpstream(app, HELLO);
    });

    it(`gets ${name} as a status without a stream`, async () => {
      failLater()();
      await expect(client().messages.create(HELLO)).rejects.toMatchObject({ status, error: { error: { type } } });
      expectUpstream(app, HELLO);
    });
  });

  describe("stopped in mid-answer", () => {
    const isStopped = async () => {
      expect(app.fakeApi.messages).toHaveLength(1);
      expect(await app.fakeApi.messages[0]?.finished).toBe(false);
    };
    const isServing = async () => {
      app.fakeApi.reset();
      expect((await client().messages.create(HELLO)).content).toEqual([{ type: "text", text: "You said: Hello" }]);
      expectUpstream(app, HELLO);
    };

    it("stops upstream when its signal is aborted, and is served again", async () => {
      const release = holdAnswer();
      const controller = new AbortController();
      const stream = await client().messages.create({ ...HELLO, stream: true }, { signal: controller.signal });
      const seen: string[] = [];
      for await (const event of stream) {
        seen.push(event.type);
        if (event.type === "content_block_delta") controller.abort();
      }
      expect(seen).not.toContain("message_stop");
      await isStopped();
      release();
      await isServing();
    });

    it("stops upstream when the loop over a stream is left, and is served again", async () => {
      const release = holdAnswer();
      for await (const event of await client().messages.create({ ...HELLO, stream: true })) {
        if (event.type === "content_block_delta") break;
      }
      await isStopped();
      release();
      await isServing();
    });

    it("stops upstream when its stream helper is aborted, and is served again", async () => {
      const release = holdAnswer();
      const stream = client().messages.stream(HELLO);
      stream.once("text", () => stream.abort());
      await expect(stream.finalMessage()).rejects.toBeInstanceOf(SDK.APIUserAbortError);
      await isStopped();
      release();
      await isServing();
    });

    it("stops upstream when it gives up without a stream, and is served again", async () => {
      const controller = new AbortController();
      const held = heldBack(eventsFor([text("One two three")]), 4);
      app.fakeApi.respond = () => {
        controller.abort();
        return held.reply;
      };
      const answer = client().messages.create(HELLO, { signal: controller.signal });
      await expect(answer).rejects.toBeInstanceOf(SDK.APIUserAbortError);
      await isStopped();
      held.release();
      await isServing();
    });
  });
});
