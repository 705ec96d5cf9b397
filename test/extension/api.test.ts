import { describe, expect, it } from "vitest";
import { Controller } from "../../src/extension/controller.ts";
import { ServerClient } from "../../src/extension/serverClient.ts";
import type { Settings } from "../../src/extension/settings.ts";
import type { State } from "../../src/extension/state.ts";
import { defaultOptions } from "../../src/options.ts";
import { createServer } from "../../src/server.ts";
import { claudePath } from "../support/claude.ts";
import { FakeApi } from "../support/fakeApi.ts";
import { cliEnvironment, scratchHome } from "../support/harness.ts";

const logger = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };

/** The API for other extensions, on a real server that starts with the first call. */
async function extensionApi(apiKey?: string) {
  const scratch = await scratchHome();
  const fakeApi = await FakeApi.start();
  const controller = new Controller({
    options: async () => ({
      ...defaultOptions,
      port: 0,
      claudePath: claudePath(),
      dataDir: scratch.home,
      environment: cliEnvironment(scratch.home, fakeApi),
      selfCheck: false,
      warm: 0,
      ...(apiKey !== undefined && { apiKey }),
    }),
    createServer: async (options) => createServer(options, logger),
    probe: async () => ({ kind: "free" }),
    stopMarker: { set: async () => {}, clear: async () => {}, isSet: async () => false },
    logger,
  });
  const settings = {
    defaultModel: "haiku",
    dataDir: scratch.home,
    requiredApiKey: async () => apiKey,
  } as Partial<Settings> as Settings;
  return {
    api: new ServerClient(controller, settings).toApi(),
    fakeApi,
    async [Symbol.asyncDispose]() {
      await controller.dispose();
      await fakeApi.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

describe("the API for other extensions", () => {
  it("starts the server with the first call and reports its state", async () => {
    await using on = await extensionApi();
    const states: State[] = [];
    const subscription = on.api.onDidChangeState((state) => states.push(state));
    expect([on.api.state.kind, on.api.baseUrl]).toEqual(["stopped", undefined]);
    expect(await on.api.message("Hello")).toBe("You said: Hello");
    expect([on.api.state.kind, on.api.baseUrl]).toEqual([
      "running",
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    ]);
    expect(states[0]).toEqual({ kind: "starting" });
    const seen = states.length;
    subscription.dispose();
    await on.api.message("again");
    expect(states).toHaveLength(seen);
  });

  it("streams text from the default model unless another is named, and lists the models", async () => {
    await using on = await extensionApi("the-key");
    const parts: string[] = [];
    for await (const part of on.api.messageStream("one two", { system: "Be brief." })) parts.push(part);
    await on.api.message("three", { model: "opus", max_tokens: 7 });
    expect(parts).toEqual(["You ", "said: ", "one ", "two"]);
    const [first, second] = on.fakeApi.messages.map((message) => message.body);
    expect(first).toMatchObject({ model: expect.stringMatching(/^claude-haiku/), max_tokens: 4096 });
    expect(first.system.at(-1).text).toBe("Be brief.");
    expect(second).toMatchObject({ model: expect.stringMatching(/^claude-opus/), max_tokens: 7 });
    expect((await on.api.models()).map((model) => model.id)).toContain("sonnet");
  });
});
