import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { itThorough } from "../support/full.ts";
import { body, RawCli } from "../support/rawCli.ts";
import { deferred, heldReply, reply, text, thinking, toolUse } from "../support/replies.ts";

/** CLI behaviour on which an exact bridge depends. Everything was measured; this catches a version that changes it. */
describe("a long-lived CLI process", () => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({ system: ["You are terse."] });
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => cli.fakeApi.reset());
  const upstream = () => cli.fakeApi.messages[0]!.body;

  it("merges EXTRA_BODY into its request, field by field", async () => {
    const sent = {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "c2ln" },
            { type: "tool_use", id: "toolu_1", name: "look", input: { deep: [1, { x: null }] } },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "b" }], is_error: false },
          ],
        },
        { role: "user", content: "and again" },
      ],
      tools: [
        {
          name: "look",
          description: "Looks",
          input_schema: { type: "object", properties: { deep: { type: "array" } } },
          strict: true,
        },
      ],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
      max_tokens: 4321,
      temperature: 0.25,
      top_k: 7,
      stop_sequences: ["STOP", "\n\nHuman:"],
      metadata: { user_id: "me" },
      service_tier: "auto",
      output_config: { effort: "low", format: { type: "json_schema", schema: { type: "object" } } },
      cache_control: { type: "ephemeral", ttl: "1h" },
      unheard_of: { nested: [true] },
    };
    await cli.turn(sent);
    const { model: _m, system: _s, stream: _st, ...received } = upstream();
    expect(received).toEqual(sent);
  });

  it("resolves an alias in the settings, and switches models between turns", async () => {
    await cli.turn(body(), { model: "sonnet" });
    await cli.turn(body(), { model: "haiku" });
    await cli.turn(body(), { model: "claude-sonnet-4-5-20250929" });
    const models = cli.fakeApi.messages.map((message) => message.body.model);
    expect(models[0]).toMatch(/^claude-sonnet-\d/);
    expect(models[1]).toMatch(/^claude-haiku-\d/);
    expect(models[2]).toBe("claude-sonnet-4-5-20250929");
  });

  it("sends an alias in EXTRA_BODY unresolved, and upstream rejects it", async () => {
    const { result } = await cli.turn({ ...body(), model: "haiku" });
    expect(upstream().model).toBe("haiku");
    expect(result.api_error_status).toBe(404);
  });

  it("never sends the trigger's text", async () => {
    await cli.turn(body("the client's own"));
    expect(upstream().messages).toEqual([{ role: "user", content: "the client's own" }]);
  });

  it("forwards upstream's events unchanged, except ping", async () => {
    const answer = reply([
      thinking("Well. Let me see."),
      text("Some words here"),
      toolUse("not_known", { a: [1, "two"] }),
    ]);
    cli.fakeApi.respond = () => answer;
    const { events, result } = await cli.turn(body());
    const sent = [...(answer as { events: Iterable<{ type: string }> }).events];
    expect(events).toEqual(sent.filter((event) => event.type !== "ping"));
    expect(result.subtype).toBe("error_max_turns");
  });

  it("serves again after a call of an unknown tool, with one upstream call for it", async () => {
    cli.fakeApi.respond = () => reply([toolUse("not_known", {})]);
    await cli.turn(body());
    expect(cli.fakeApi.messages).toHaveLength(1);
    cli.fakeApi.reset();
    const { result } = await cli.turn(body("next"));
    expect(result.is_error).toBe(false);
  });

  it("carries an image of 8 MB", async () => {
    const data = "A".repeat(8 * 1024 * 1024);
    await cli.turn(body([{ type: "image", source: { type: "base64", media_type: "image/png", data } }]));
    expect(upstream().messages[0].content[0].source.data === data).toBe(true);
  });

  it("carries NUL and U+2028 both ways; lone surrogates only from upstream, and as U+FFFD to it", async () => {
    cli.fakeApi.respond = () => reply([text("nul\u0000 ls\u2028 lone\udc00 end")]);
    const { events } = await cli.turn(body("nul\u0000 ls\u2028 lone\ud800 end"));
    expect(upstream().messages[0].content).toBe("nul\u0000 ls\u2028 lone\ufffd end");
    expect(events.map((event) => event.delta?.text ?? "").join("")).toBe("nul\u0000 ls\u2028 lone\udc00 end");
  });

  it("adds only its system blocks, a user id and an empty list of tools to a minimal body", async () => {
    await cli.turn(body());
    const { system, metadata, ...rest } = upstream();
    expect(rest).toEqual({ ...body(), model: rest.model, tools: [], stream: true });
    expect(system.map((block: { text: string }) => block.text)).toEqual([
      expect.stringMatching(/^x-anthropic-billing-header: /),
      expect.stringContaining("Claude"),
      "You are terse.",
    ]);
    expect(JSON.parse(metadata.user_id)).toHaveProperty("device_id");
  });

  it("answers an unknown request at once, even before it is initialized", async () => {
    await using other = await RawCli.start();
    const refused = { subtype: "error", error_code: "unsupported_request" };
    expect(await other.control({ subtype: "claude_virtual_api_ping" })).toMatchObject(refused);
    expect(await other.initialize()).toMatchObject({ subtype: "success" });
    expect(await other.control({ subtype: "claude_virtual_api_ping" })).toMatchObject(refused);
  });

  it("logs each settings change on stderr, even if nothing changes, before the lines of that turn", async () => {
    const settings = /settings change notification for flagSettings/;
    const found = () =>
      cli.stderrLines.flatMap(
        (line) => settings.exec(line)?.[0] ?? /\[engine\] turn \d+ start|\[API REQUEST\]/.exec(line)?.[0] ?? [],
      );
    await cli.turn(body());
    await expect.poll(() => found().at(-1)).toBe("[API REQUEST]");
    cli.stderrLines.length = 0;
    await cli.turn(body());
    await expect.poll(found).toEqual([expect.stringMatching(settings), expect.stringMatching("turn"), "[API REQUEST]"]);
  });

  itThorough("reports its models and account when initialized", async () => {
    await using other = await RawCli.start();
    const { response } = await other.initialize();
    expect(response.models.map((model: { value: string }) => model.value)).toEqual(
      expect.arrayContaining(["default", "opus", "sonnet", "haiku"]),
    );
    expect(response.models[0].resolvedModel).toMatch(/^claude-/);
    expect(response.account).toMatchObject({ tokenSource: "none", apiKeySource: "ANTHROPIC_API_KEY" });
  });

  it("reports being signed out before any request", async () => {
    await using other = await RawCli.start({ env: { ANTHROPIC_API_KEY: undefined } });
    const { response } = await other.initialize();
    expect(response.account.tokenSource).toBe("none");
    expect(response.account.apiKeySource).toBeUndefined();
    const { log } = await other.turn(body());
    expect(log.find((message) => message.is_api_error_message)).toMatchObject({ error: "authentication_failed" });
    expect(other.fakeApi.messages).toHaveLength(0);
  });

  it("stops the upstream call when interrupted, and serves again", async () => {
    const begun = deferred();
    const never = deferred();
    cli.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, never.promise);
    const turn = cli.turn(body());
    await begun.promise;
    await cli.control({ subtype: "interrupt" });
    expect((await turn).result.subtype).toBe("error_during_execution");
    expect(await cli.fakeApi.messages[0]!.finished).toBe(false);
    cli.fakeApi.reset();
    expect((await cli.turn(body("next"))).result.is_error).toBe(false);
  });

  it("counts the system prompt with the API's free counter", async () => {
    await cli.control({ subtype: "get_context_usage" });
    const counted = cli.fakeApi.others.filter((request) => request.path.startsWith("/v1/messages/count_tokens"));
    expect(counted.map((request) => request.body.messages)).toContainEqual([
      { role: "user", content: "You are terse." },
    ]);
  });

  it("ends when its stdin closes while idle", async () => {
    await using other = await RawCli.start({ system: [] });
    other.closeInput();
    expect(await other.exited).toEqual([0, null]);
  });

  it("keeps running in mid-answer when its stdin closes, hence the reaper", async () => {
    await using other = await RawCli.start({ system: [] });
    const begun = deferred();
    const go = deferred();
    other.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, go.promise);
    const turn = other.turn(body());
    await begun.promise;
    other.closeInput();
    go.resolve();
    expect((await turn).result.is_error).toBe(false);
    expect(await other.fakeApi.messages[0]!.finished).toBe(true);
    await other.exited;
  });
});

describe("the system prompt", () => {
  itThorough("is fixed by the first initialize", async () => {
    await using cli = await RawCli.start({ system: ["first"] });
    await cli.initialize("second");
    await cli.turn(body());
    expect(cli.fakeApi.messages[0]!.body.system.at(-1).text).toBe("first");
  });

  it("adds no block if empty", async () => {
    await using cli = await RawCli.start({ system: [] });
    await cli.turn(body());
    expect(cli.fakeApi.messages[0]!.body.system).toHaveLength(2);
  });

  itThorough("joins several strings with a blank line", async () => {
    await using cli = await RawCli.start({ system: ["one", "two"] });
    await cli.turn(body());
    expect(cli.fakeApi.messages[0]!.body.system.at(-1).text).toBe("one\n\ntwo");
  });
});
