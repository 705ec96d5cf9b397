import type Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type App, startApp } from "../support/harness.ts";
import { clientOf, expectUpstream, MODEL, SDKS } from "./sdks.ts";

let app: App;
let locked: App;
beforeAll(async () => {
  app = await startApp();
  locked = await startApp({ apiKey: "local-key" });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await locked[Symbol.asyncDispose]();
});
beforeEach(() => app.fakeApi.reset());

const HELLO: Anthropic.MessageCreateParamsNonStreaming = {
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: "user", content: "Hello" }],
};

const CREDENTIALS = ["authorization", "x-api-key"];

describe.each(SDKS)("the official SDK, $name", ({ SDK, version, credential }) => {
  it("sends its API version and its kind of credential", async () => {
    const { client, sent } = clientOf(SDK, app);
    await client.messages.create(HELLO);
    await client.models.retrieve("sonnet");
    expect(sent.map(({ url }) => url)).toEqual([`${app.url}/v1/messages`, `${app.url}/v1/models/sonnet`]);
    for (const { headers } of sent) {
      expect(headers["anthropic-version"]).toBe(version);
      const credentials = Object.entries(headers).filter(([name]) => CREDENTIALS.includes(name));
      expect(Object.fromEntries(credentials)).toEqual(credential);
    }
    expectUpstream(app, HELLO);
    expect(JSON.stringify(app.fakeApi.messages[0]?.headers)).not.toContain("local-key");
  });

  it("is accepted with the configured key, and throws its error for a wrong one", async () => {
    const { client } = clientOf(SDK, locked);
    expect((await client.models.list()).data.length).toBeGreaterThan(0);
    const stranger = client.withOptions({ apiKey: "wrong-key" });
    const refused = stranger.messages.create(HELLO);
    await expect(refused).rejects.toBeInstanceOf(SDK.AuthenticationError);
    await expect(refused).rejects.toMatchObject({
      status: 401,
      error: { error: { type: "authentication_error", message: "invalid x-api-key" } },
    });
    expect(locked.fakeApi.messages).toHaveLength(0);
  });

  it("reaches the same endpoints through its beta resources", async () => {
    const { client, sent } = clientOf(SDK, app);
    const message = await client.beta.messages.create({
      ...HELLO,
      betas: ["extended-cache-ttl-2025-04-11", "made-up-1"],
    });
    expect(message.content).toEqual([{ type: "text", text: "You said: Hello" }]);
    expect(sent[0]?.headers["anthropic-beta"]).toContain("made-up-1");
    expectUpstream(app, HELLO);
    const upstream = String(app.fakeApi.messages[0]?.headers["anthropic-beta"]).split(",");
    expect(upstream).toEqual(expect.arrayContaining(["extended-cache-ttl-2025-04-11", "made-up-1"]));
  });

  it("pages through the models", async () => {
    const { client, sent } = clientOf(SDK, app);
    const whole = await client.models.list();
    expect(whole.data.map(({ id }) => id)).toEqual(expect.arrayContaining(["opus", "sonnet", "haiku"]));
    expect(whole.hasNextPage()).toBe(false);
    sent.length = 0;
    const paged: unknown[] = [];
    for await (const model of client.models.list({ limit: 3 })) paged.push(model);
    expect(paged).toEqual(whole.data);
    expect(sent).toHaveLength(Math.ceil(whole.data.length / 3));
  });

  it("retrieves a model by its alias, and throws its error for an unknown one", async () => {
    const { client } = clientOf(SDK, app);
    expect(await client.models.retrieve("sonnet")).toMatchObject({
      type: "model",
      id: "sonnet",
      display_name: expect.stringMatching(/^Claude Sonnet /),
    });
    const missing = client.models.retrieve("no such/model");
    await expect(missing).rejects.toBeInstanceOf(SDK.NotFoundError);
    await expect(missing).rejects.toMatchObject({
      status: 404,
      error: { error: { type: "not_found_error", message: "model: no such/model" } },
    });
  });
});
