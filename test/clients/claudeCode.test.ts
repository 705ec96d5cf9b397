import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { claudeCode } from "../support/claudeCode.ts";
import { FULL, itThorough, sampled } from "../support/full.ts";
import { png } from "../support/images.ts";
import { eventsFor, failure, reply, text, thinking, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { heldBack, MODEL } from "./sdks.ts";

const app = sharedApp();

const JSON_OUTPUT = ["--output-format", "json", "--model", MODEL];
const STREAM_OUTPUT = ["--output-format", "stream-json", "--verbose", "--include-partial-messages", "--model", MODEL];

/** Answers the first call with a use of the tool after some thinking, the second with a text. */
function answerInTwoSteps(tool: string, input: object, last = "Done.") {
  const blocks = [thinking("Hm, well.", "EqQBCg=="), text("I look."), toolUse(tool, input, "toolu_1")];
  const answers = [reply(blocks, { model: MODEL }), reply([text(last)], { model: MODEL })];
  app.fakeApi.respond = () => answers[app.fakeApi.messages.length - 1] ?? failure(500, "api_error", "A third call.");
}

/** Expects two calls, the second with the answer to the first and this result of the tool. */
function expectRoundTrip(tool: string, input: object, result: object) {
  expect(app.fakeApi.messages).toHaveLength(2);
  expect(app.fakeApi.messages[1]?.body.messages.slice(-2)).toEqual([
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm, well.", signature: "EqQBCg==" },
        { type: "text", text: "I look." },
        { type: "tool_use", id: "toolu_1", name: tool, input, caller: { type: "direct" } },
      ],
    },
    {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "toolu_1", cache_control: { type: "ephemeral" }, ...result }],
    },
  ]);
}

describe("Claude Code, as a client", () => {
  it("gets a text, and requests thinking", async () => {
    await using claude = await claudeCode();
    app.fakeApi.respond = () => reply([text("Hello to you – é.")], { model: MODEL });
    const { result } = await claude.print(app.url, "Say hello – é.", ...JSON_OUTPUT);
    expect(result).toMatchObject({ subtype: "success", is_error: false, result: "Hello to you – é.", num_turns: 1 });
    expect(result.usage).toMatchObject({ input_tokens: 12, output_tokens: 7 });
    expect(app.fakeApi.messages).toHaveLength(1);
    const { messages, ...body } = app.fakeApi.messages[0]?.body ?? {};
    expect(messages[0].content.at(-1)).toEqual({ type: "text", text: "Say hello – é." });
    expect(body).toMatchObject({
      model: MODEL,
      thinking: { type: "adaptive", display: "omitted" },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      output_config: { effort: expect.any(String) },
    });
  });

  it("gets the events of a stream as upstream sent them", async () => {
    await using claude = await claudeCode();
    const blocks = [thinking("Let me see.", "EqQBCg=="), text("Two words")];
    const upstream = [...eventsFor(blocks, { model: MODEL })];
    app.fakeApi.respond = () => ({ events: upstream });
    const { lines, result } = await claude.print(app.url, "Say two words.", ...STREAM_OUTPUT);
    const events = lines.filter(({ type }) => type === "stream_event").map(({ event }) => event);
    expect(events).toEqual(upstream.filter(({ type }) => type !== "ping"));
    const said = lines.filter(({ type }) => type === "assistant").flatMap(({ message }) => message.content);
    expect(said).toMatchObject(blocks);
    expect(result).toMatchObject({ is_error: false, result: "Two words" });
    expect(app.fakeApi.messages).toHaveLength(1);
  });

  itThorough("runs a command and sends its output", async () => {
    await using claude = await claudeCode();
    const input = { command: "echo 'Grüße'", description: "Greets" };
    answerInTwoSteps("Bash", input, "It said Grüße.");
    const { result } = await claude.print(app.url, "Run it.", ...JSON_OUTPUT, "--allowedTools", "Bash(echo:*)");
    expect(result).toMatchObject({ is_error: false, result: "It said Grüße.", num_turns: 2 });
    expectRoundTrip("Bash", input, { content: "Grüße", is_error: false });
  });

  itThorough("reads an image and sends it byte for byte", async () => {
    await using claude = await claudeCode();
    const file_path = join(claude.cwd, "black.png");
    const data = png(40, 40);
    await writeFile(file_path, Buffer.from(data, "base64"));
    answerInTwoSteps("Read", { file_path }, "It is black.");
    const { result } = await claude.print(app.url, "What is on it?", ...JSON_OUTPUT, "--allowedTools", "Read");
    expect(result).toMatchObject({ is_error: false, result: "It is black.", num_turns: 2 });
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data } };
    expectRoundTrip("Read", { file_path }, { content: [image] });
  });

  it("gets structured output by a tool", async () => {
    await using claude = await claudeCode();
    const answer = { city: "Köln", n: 2 };
    const schema = {
      type: "object",
      properties: { city: { type: "string" }, n: { type: "number" } },
      required: ["city"],
      additionalProperties: false,
    };
    app.fakeApi.respond = () => reply([toolUse("StructuredOutput", answer)], { model: MODEL });
    const args = [...JSON_OUTPUT, "--json-schema", JSON.stringify(schema)];
    const { result } = await claude.print(app.url, "Where?", ...args);
    expect(result).toMatchObject({ is_error: false, structured_output: answer });
    expect(app.fakeApi.messages).toHaveLength(1);
    const { tools } = app.fakeApi.messages[0]?.body ?? {};
    expect(tools).toContainEqual(expect.objectContaining({ name: "StructuredOutput", input_schema: schema }));
  });

  const failures: [number, string][] = [
    [400, "invalid_request_error"],
    [429, "rate_limit_error"],
    [529, "overloaded_error"],
  ];
  it.each(sampled(failures, 1, 0))(
    "reports upstream's %i in the same words as without this server",
    async (status, type) => {
      await using claude = await claudeCode();
      const message = `Upstream's own words for ${status} – é`;
      const results = [];
      for (const api of [app.fakeApi.url, app.url]) {
        app.fakeApi.reset();
        app.fakeApi.respond = () => failure(status, type, message);
        const { result } = await claude.print(api, "Hello", ...JSON_OUTPUT);
        // Claude Code names the host that it called
        results.push({ ...result, result: String(result.result).replace(new URL(api).host, "HOST") });
        expect(app.fakeApi.messages.length).toBeGreaterThan(0);
        // after a 400 both CLIs try again with another body, which costs nothing
        if (status !== 400) expect(app.fakeApi.messages).toHaveLength(1);
      }
      const [direct, through] = results;
      expect(direct).toMatchObject({ is_error: true, api_error_status: status, api_error_type: type });
      expect(direct?.result).toContain(message);
      expect(through).toMatchObject({ is_error: true, api_error_status: status, api_error_type: type });
      expect(through?.result).toBe(direct?.result);
    },
  );

  it("stops upstream when interrupted in mid-answer", async () => {
    await using claude = await claudeCode();
    const held = heldBack(eventsFor([text("One two three")], { model: MODEL }), 4);
    app.fakeApi.respond = () => held.reply;
    const child = claude.start(app.url, "Count.", ...STREAM_OUTPUT);
    const exited = once(child, "exit");
    let printed = "";
    for await (const chunk of child.stdout ?? []) {
      printed += chunk;
      if (printed.includes("text_delta")) child.kill("SIGINT");
    }
    await exited;
    expect(printed).toContain("text_delta");
    expect(app.fakeApi.messages).toHaveLength(1);
    expect(await app.fakeApi.messages[0]?.finished).toBe(false);
    held.release();
  });
});

type Body = { system: { type: string; text: string; cache_control?: object }[]; [field: string]: unknown };
interface Call {
  path: string;
  headers: IncomingHttpHeaders;
  body: Body;
}

const BILLING = /^x-anthropic-billing-header: cc_version=[\d.]+\.\w+; cc_entrypoint=sdk-cli;$/;
const IDENTITY = /^You are a Claude agent[^\n]*$/;

/** Adds what the server's CLI adds to Claude Code's body: its own system blocks first, and nothing else. */
function throughUs({ body }: Call): Body {
  return {
    ...body,
    system: [
      { type: "text", text: expect.stringMatching(BILLING) },
      { type: "text", text: expect.stringMatching(IDENTITY) },
      ...body.system,
    ],
  };
}

/** Headers that differ between the two CLIs: the key, the session and the length of the body. */
const OWN_HEADERS = ["x-api-key", "x-claude-code-session-id", "content-length"];

function comparable({ headers }: Call): object {
  const { "anthropic-beta": betas, ...rest } = headers;
  for (const name of OWN_HEADERS) delete rest[name];
  const set = String(betas).split(",").sort();
  // a beta that the server's CLI always sends
  return { ...rest, betas: set.filter((beta) => beta !== "effort-2025-11-24") };
}

/** The date may change between two runs. */
const dateless = (raw: string) => raw.replaceAll(/Today's date is \d{4}-\d\d-\d\d/g, "Today's date is D");

const WAYS: [name: string, args: string[], variables: Record<string, string>][] = [
  ["unchanged", ["--model", MODEL], {}],
  ["with an older model, which has other tools and thinking", ["--model", "claude-haiku-4-5"], {}],
  ["with another system prompt", ["--model", MODEL, "--system-prompt", "Be brief."], {}],
  ["without thinking", ["--model", MODEL], { CLAUDE_CODE_DISABLE_THINKING: "1" }],
  ["with an alias for a model", ["--model", "opus"], {}],
  ["with the user's effort", ["--model", MODEL, "--effort", "high"], {}],
  ["with an appended system prompt", ["--model", MODEL, "--append-system-prompt", "Be brief."], {}],
  ["without cache breakpoints", ["--model", MODEL], { DISABLE_PROMPT_CACHING: "1" }],
];

describe("Claude Code's request reaches upstream the same with and without this server", () => {
  it.each(FULL ? WAYS : WAYS.slice(0, 1))("%s", async (_name, more, variables) => {
    await using claude = await claudeCode(variables);
    const input = { command: "echo 'Grüße'", description: "Greets" };
    // the same home and session, so that random ids are equal
    const session = ["--no-session-persistence", "--session-id", "6c1f1c1e-3b0a-4d0e-9c57-1f3c64a9a001"];
    const args = ["Run it.", "--output-format", "json", "--allowedTools", "Bash(echo:*)", ...session, ...more];
    const calls: Call[][] = [];
    for (const api of [app.fakeApi.url, app.url]) {
      app.fakeApi.reset();
      answerInTwoSteps("Bash", input);
      const { result } = await claude.print(api, ...args);
      expect(result).toMatchObject({ is_error: false, result: "Done.", num_turns: 2 });
      calls.push(
        app.fakeApi.messages.map(({ raw, path, headers }) => ({ path, headers, body: JSON.parse(dateless(raw)) })),
      );
    }
    const [direct, through] = calls as [Call[], Call[]];
    expect(direct).toHaveLength(2);
    expect(through.map(({ body }) => body)).toEqual(direct.map(throughUs));
    expect(through.map(({ path }) => path)).toEqual(direct.map(({ path }) => path));
    expect(through.map(comparable)).toEqual(direct.map(comparable));
  });
});
