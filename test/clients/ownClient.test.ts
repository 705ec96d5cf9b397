import Anthropic from "@anthropic-ai/sdk";
import { beforeAll, describe, expect, it } from "vitest";
import { ClaudeClient } from "../../src/client.ts";
import { startApp } from "../support/harness.ts";
import { eventsFor, failure, reply, text, thinking } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { expectUpstream, heldBack } from "./sdks.ts";

const app = sharedApp();
let client: ClaudeClient;
beforeAll(() => {
  client = new ClaudeClient({ baseURL: app.url });
});

const asked = (content: string, more: object = {}) => ({
  model: app.fakeApi.messages[0]?.body.model,
  max_tokens: 4096,
  messages: [{ role: "user", content }],
  ...more,
});

describe("the client of this package", () => {
  it("answers a text with a text", async () => {
    expect(await client.message("Hi")).toBe("You said: Hi");
    expectUpstream(app, asked("Hi"));
    expect(app.fakeApi.messages[0]?.body.model).toMatch(/^claude-sonnet-/);
  });

  it("sends a model, a system prompt and a limit", async () => {
    const options = { model: "haiku", system: "Be brief.", max_tokens: 50 };
    expect(await client.message("Hi", options)).toBe("You said: Hi");
    expectUpstream(app, asked("Hi", { system: "Be brief.", max_tokens: 50 }));
    expect(app.fakeApi.messages[0]?.body.model).toMatch(/^claude-haiku-/);
  });

  it("returns all text of the answer, and nothing else", async () => {
    app.fakeApi.respond = () => reply([thinking("Hm."), text("One "), text("two")]);
    expect(await client.message("Hi")).toBe("One two");
  });

  it("yields the text as it arrives", async () => {
    const held = heldBack(eventsFor([text("One two three")]), 4);
    app.fakeApi.respond = () => held.reply;
    const parts: string[] = [];
    for await (const part of client.messageStream("Count.")) {
      parts.push(part);
      if (part === "two ") held.release();
    }
    expect(parts).toEqual(["One ", "two ", "three"]);
    expectUpstream(app, asked("Count."));
  });

  it("stops upstream when the loop is left early, and is served again", async () => {
    const held = heldBack(eventsFor([text("One two three")]), 4);
    app.fakeApi.respond = () => held.reply;
    for await (const part of client.messageStream("Count.")) {
      expect(part).toBe("One ");
      break;
    }
    expect(app.fakeApi.messages).toHaveLength(1);
    expect(await app.fakeApi.messages[0]?.finished).toBe(false);
    held.release();
    app.fakeApi.reset();
    expect(await client.message("Hi")).toBe("You said: Hi");
    expectUpstream(app, asked("Hi"));
  });

  it("stops upstream when its signal is aborted", async () => {
    const held = heldBack(eventsFor([text("One two three")]), 4);
    app.fakeApi.respond = () => held.reply;
    const controller = new AbortController();
    const parts: string[] = [];
    for await (const part of client.messageStream("Count.", { signal: controller.signal })) {
      parts.push(part);
      controller.abort();
    }
    expect(parts.join("")).not.toContain("three");
    expect(await app.fakeApi.messages[0]?.finished).toBe(false);
    held.release();
  });

  it("lists the models, aliases included", async () => {
    const models = await client.models();
    expect(models).toEqual(
      expect.arrayContaining([{ id: "sonnet", display_name: expect.stringMatching(/^Claude Sonnet /) }]),
    );
    expect(models.filter(({ id }) => id.startsWith("claude-")).length).toBeGreaterThanOrEqual(3);
    expect(models.map((model) => Object.keys(model))).toEqual(models.map(() => ["id", "display_name"]));
  });

  it("throws the SDK's error in upstream's words", async () => {
    app.fakeApi.respond = () => failure(403, "permission_error", "Not for you.");
    await expect(client.message("Hi")).rejects.toMatchObject({
      status: 403,
      error: { error: { type: "permission_error", message: "Not for you." } },
    });
    await expect(client.message("Hi")).rejects.toBeInstanceOf(Anthropic.PermissionDeniedError);
  });

  it("sends its key", async () => {
    await using locked = await startApp({ apiKey: "right" });
    const right = new ClaudeClient({ baseURL: locked.url, apiKey: "right" });
    expect((await right.models()).length).toBeGreaterThan(0);
    const wrong = new ClaudeClient({ baseURL: locked.url, apiKey: "wrong" });
    await expect(wrong.models()).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
  });

  it("throws the SDK's connection error when nothing listens", async () => {
    const gone = await startApp();
    const left = new ClaudeClient({ baseURL: gone.url });
    await gone[Symbol.asyncDispose]();
    await expect(left.message("Hi")).rejects.toBeInstanceOf(Anthropic.APIConnectionError);
  });
});
