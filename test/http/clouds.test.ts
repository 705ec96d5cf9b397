import { describe, expect, it } from "vitest";
import { CLOUDS } from "../support/clouds.ts";
import { eventsOf, health, simple, startApp } from "../support/harness.ts";
import { eventsFor, failure, pacedReply, reply, text, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const FULL = {
  max_tokens: 3000,
  messages: [
    { role: "user", content: [{ type: "text", text: "/help é\u2028😀", cache_control: { type: "ephemeral" } }] },
    { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input: { at: [1, null] } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "seen" }] },
  ],
  tools: [{ name: "look", input_schema: { type: "object" } }],
  tool_choice: { type: "auto" },
  thinking: { type: "enabled", budget_tokens: 1024 },
  stop_sequences: ["END"],
  metadata: { user_id: "somebody" },
};
const ANSWER = reply([text("Two words"), toolUse("look", { at: "é" })]);
const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };

describe.each(Object.entries(CLOUDS))("signed in to %s,", (cloud, variables) => {
  const app = sharedApp(({ url }) => ({ extraEnvironment: { ...variables(url), ANTHROPIC_API_KEY: "" } }));

  it("a request arrives as it was sent, in the cloud's form", async () => {
    const model = "claude-sonnet-4-5-20250929";
    await app.post({ model, system: "Be brief.", ...FULL }, { "anthropic-beta": "context-1m-2025-08-07" });
    const [call, ...more] = app.fakeApi.messages;
    expect(more).toHaveLength(0);
    expect(call?.path).toMatch(/claude-sonnet-4-5[-@]20250929/);
    const { anthropic_version, anthropic_beta, system, stream: _, ...body } = call?.body ?? {};
    expect(anthropic_version).toMatch(/^(vertex|bedrock)-/);
    expect([call?.headers["anthropic-beta"], anthropic_beta].flat().join()).toContain("context-1m-2025-08-07");
    expect(system.at(-1)).toEqual({ type: "text", text: "Be brief." });
    // Bedrock's requests are signed before they can be rewritten, and the CLI adds its own temperature there
    expect(body).toEqual({ ...FULL, ...(cloud === "Bedrock" && { temperature: 1 }) });
  });

  it.each([true, false])("the answer comes as it was given (stream %s)", async (stream) => {
    app.fakeApi.respond = () => ANSWER;
    const response = await app.post(simple("x", { stream }));
    if (!("events" in ANSWER)) throw new Error("no stream was scripted");
    const events = [...(ANSWER.events as Iterable<{ type: string }>)].filter(({ type }) => type !== "ping");
    if (stream) expect(await eventsOf(response)).toEqual(events);
    else expect(await response.json()).toEqual(ANSWER.folded);
  });

  it.each([
    ["an answer at max_tokens", () => reply([text("cut")], { stop_reason: "max_tokens" }), 200, undefined],
    ["a model that is not there", () => failure(404, "not_found_error", "model: x"), 404, "model: x"],
    ["a refusal", () => failure(400, "invalid_request_error", "foo: not permitted"), 400, "foo: not permitted"],
    ["an overload", () => failure(529, "overloaded_error", "Overloaded"), 529, "Overloaded"],
    [
      "a broken stream",
      () => pacedReply([...[...eventsFor([text("a b")])].slice(0, 4), overloaded]),
      529,
      "Overloaded",
    ],
  ])("%s costs one call", async (_name, answer, status, message) => {
    app.fakeApi.respond = answer;
    const response = await app.post(simple());
    expect(response.status).toBe(status);
    if (message) expect(await response.json()).toMatchObject({ error: { message } });
    expect(app.fakeApi.messages).toHaveLength(1);
  });

  it("tokens are counted without a call of the model", async () => {
    const { max_tokens: _, ...question } = simple();
    const response = await app.call("/v1/messages/count_tokens", { method: "POST", body: JSON.stringify(question) });
    expect(response.status).toBe(200);
    expect(app.fakeApi.messages).toHaveLength(0);
  });
});

it("requests take the overlay with a Bedrock API key, and no worker is started to try rewriting", async () => {
  const withKey = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_BEARER_TOKEN_BEDROCK: "bedrock-key" };
  await using app = await startApp(({ url }) => ({
    extraEnvironment: { ...CLOUDS.Bedrock(url), ...withKey, ANTHROPIC_API_KEY: "" },
  }));
  expect((await app.post(simple())).status).toBe(200);
  expect(app.fakeApi.messages.map(({ headers }) => headers.authorization)).toEqual(["Bearer bedrock-key"]);
  expect((await health(app)).transport).toMatchObject({
    name: "overlay",
    reason: expect.stringContaining("free token counter"),
  });
  expect(app.log.filter((line) => /worker \d+ started/.test(line))).toHaveLength(1);
});
