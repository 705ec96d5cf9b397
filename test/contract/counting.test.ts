import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imageSize } from "../../src/tokens/imageSize.ts";
import { apiCount } from "../support/apiCount.ts";
import { itThorough, sampled } from "../support/full.ts";
import { png } from "../support/images.ts";
import { RawCli } from "../support/rawCli.ts";

const MODEL = "claude-sonnet-4-5-20250929";

// biome-ignore lint/suspicious/noExplicitAny: messages of any shape
type Message = { role: string; content: any };

const user = (content: unknown): Message => ({ role: "user", content });
const assistant = (content: unknown): Message => ({ role: "assistant", content });
const text = (value: string) => ({ type: "text", text: value });
const image = (data: string) => ({ type: "image", source: { type: "base64", media_type: "image/png", data } });
const toolUse = (id: string, input: object = {}) => ({ type: "tool_use", id, name: "f", input });
const pixel = png(20, 10);

/** Appends a message to the conversation without a turn, and waits until it is there. */
async function append(cli: RawCli, { role, content }: Message): Promise<void> {
  const uuid = randomUUID();
  const line = { type: role, uuid, message: { role, content }, parent_tool_use_id: null, session_id: "" };
  const taken = cli.next(
    (message) => message.type === "command_lifecycle" && message.command_uuid === uuid && message.state === "completed",
  );
  cli.write(role === "user" ? { ...line, client_composed: true, shouldQuery: false } : line);
  await taken;
}

async function usage(cli: RawCli) {
  cli.fakeApi.reset();
  const { response } = await cli.control({ subtype: "get_context_usage" });
  const { categories } = response as { categories: { id: string; tokens: number }[] };
  return Object.fromEntries(categories.map(({ id, tokens }) => [id, tokens]));
}

/** The conversation as the counter received it; treats a text and a list with that text as equal. */
async function counted(messages: Message[]): Promise<Message[]> {
  await using cli = await RawCli.start({ system: [] });
  await cli.settings({ model: MODEL });
  for (const message of messages) await append(cli, message);
  await usage(cli);
  expect(cli.fakeApi.messages).toHaveLength(0);
  const bodies = cli.fakeApi.counts.map(({ body }) => body);
  return bodies.find(({ messages: [first] }) => first.content !== "foo")?.messages.map(inBlocks);
}

const inBlocks = ({ role, content }: Message) => ({
  role,
  content: typeof content === "string" ? [text(content)] : content,
});

describe("a count of the CLI", () => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({ system: ["Be brief."] });
    await cli.settings({ model: "sonnet" });
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  it("counts the system prompt as a user's text, and `foo` while the conversation is empty", async () => {
    await usage(cli);
    const bodies = cli.fakeApi.counts.map(({ body }) => body);
    expect(bodies).toContainEqual({ model: expect.any(String), messages: [user("Be brief.")], tools: [] });
    expect(bodies).toContainEqual({ model: expect.any(String), messages: [user("foo")], tools: [] });
    expect(cli.fakeApi.counts[0]?.headers["anthropic-beta"]).toContain("token-counting-2024-11-01");
  });

  it("resolves aliases", async () => {
    await usage(cli);
    expect(cli.fakeApi.counts[0]?.body.model).toMatch(/^claude-sonnet-/);
  });

  it("ignores EXTRA_BODY, which can therefore make every other call free", async () => {
    const refused = JSON.stringify({ messages: [] });
    await cli.settings({ env: { CLAUDE_CODE_EXTRA_BODY: refused } });
    await usage(cli);
    expect(cli.fakeApi.counts.every(({ body }) => body.messages.length > 0)).toBe(true);
    await cli.turn({ messages: [] });
    expect(cli.fakeApi.messages[0]?.body.messages).toEqual([]);
    await cli.settings({ env: { CLAUDE_CODE_EXTRA_BODY: "" } });
  });
});

describe("a failed count", () => {
  it("becomes an estimate, reported on stderr only", async () => {
    await using cli = await RawCli.start({ system: [] });
    await cli.settings({ model: MODEL });
    await append(cli, user("Hello"));
    cli.fakeApi.refuseCount = () => ({ status: 404, error: { type: "not_found_error", message: "model: x" } });
    const { response } = await cli.control({ subtype: "get_context_usage" });
    expect(response.categories.find(({ id }: { id: string }) => id === "messages")?.tokens).toBeGreaterThan(0);
    expect(cli.stderrLines.join("\n")).toMatch(/countTokens API call failed: 404 \{.*"model: x".*\}/);
    expect(cli.stderrLines.join("\n")).toContain("count unavailable, estimating locally");
    expect(cli.fakeApi.messages).toHaveLength(0);
  });
});

const FAITHFUL: [string, Message[]][] = [
  ["a text that looks like a command", [user("/clear")]],
  ["mentions, tags and blanks", [user(" @/etc/passwd <system-reminder>x</system-reminder> \u2028 \ud83d\ude00\n")]],
  ["a conversation", [user("a"), assistant("b"), user([text("c"), text("d")])]],
  ["one that begins with the assistant", [assistant("a"), user("b")]],
  ["one that ends with the assistant", [user("a"), assistant("The answer is")]],
  ["two messages of the assistant in a row", [user("a"), assistant("b"), assistant("c"), user("d")]],
  [
    "tools and their results",
    [
      user("a"),
      assistant([text("b"), toolUse("t1", { b: 1, a: [null] }), toolUse("t2")]),
      user([
        { type: "tool_result", tool_use_id: "t1", content: [text("c"), image(png(3000, 2500))], is_error: false },
        { type: "tool_result", tool_use_id: "t2" },
        text("and?"),
      ]),
    ],
  ],
  ["images", [user([image(pixel), { type: "image", source: { type: "url", url: "https://example.com/a.png" } }])]],
  [
    "documents and search results",
    [
      user([
        { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERi0x" }, title: "T" },
        { type: "document", source: { type: "text", media_type: "text/plain", data: "text" } },
        { type: "search_result", source: "https://example.com", title: "t", content: [text("b")] },
        text("x"),
      ]),
    ],
  ],
  ["redacted thinking", [user("a"), assistant([{ type: "redacted_thinking", data: "eA==" }, text("b")]), user("c")]],
  [
    "the API's own tools",
    [
      user("a"),
      assistant([
        { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
        { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
        text("b"),
      ]),
      user("c"),
    ],
  ],
  ["a long text", [user("word ".repeat(200_000))]],
];

describe("reaches the counter unchanged:", () => {
  it.each(sampled(FAITHFUL, 3, 2))("%s", async (_name, messages) => {
    expect(await counted(messages)).toEqual(messages.map(inBlocks));
  });
});

describe("does not reach the counter unchanged:", () => {
  it("consecutive user messages, which are joined by a line break", async () => {
    expect(await counted([user("a"), user("b")])).toEqual([user([text("a\n"), text("b")])]);
  });

  itThorough("a blank message, which is removed", async () => {
    expect(await counted([user("a"), assistant(" "), user("b")])).toEqual([user([text("a\n"), text("b")])]);
  });

  itThorough("an unreadable image, which becomes a text", async () => {
    const [message] = await counted([user([image("AAAA")])]);
    expect(message?.content[0].text).toContain("could not be processed");
  });

  itThorough("a large image, which is scaled down", async () => {
    const [message] = await counted([user([image(png(3000, 2500))])]);
    expect(imageSize(message?.content[0].source.data)).toEqual({ width: 2000, height: 1667 });
  });

  itThorough("a heavy image, which is compressed but keeps its size", async () => {
    const noise = png(1500, 1000, randomBytes);
    const [message] = await counted([user([image(noise)])]);
    expect(message?.content[0].source.data).not.toBe(noise);
    expect(imageSize(message?.content[0].source.data)).toEqual({ width: 1500, height: 1000 });
  });

  it("a conversation with thinking, for which thinking is requested", async () => {
    await using cli = await RawCli.start({ system: [] });
    await cli.settings({ model: MODEL });
    const thought = { type: "thinking", thinking: "hm", signature: "c2ln" };
    for (const message of [user("a"), assistant([thought, text("b")]), user("c")]) await append(cli, message);
    await usage(cli);
    expect(cli.fakeApi.counts.map(({ body }) => body.thinking)).toContainEqual({
      type: "enabled",
      budget_tokens: 1024,
    });
  });
});

const inputSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

/** The count with tools, and what the CLI reports about them. */
async function countedTools(listed: object[]) {
  await using cli = await RawCli.start({ system: [] });
  await cli.settings({ model: MODEL, env: { CLAUDE_AGENT_SDK_MCP_NO_PREFIX: "1", ENABLE_TOOL_SEARCH: "false" } });
  void serveTools(cli, listed);
  await cli.control({ subtype: "mcp_set_servers", servers: { t: { type: "sdk", name: "t" } } });
  const isConnected = async () => {
    const { response } = await cli.control({ subtype: "mcp_status" });
    return response.mcpServers[0]?.status === "connected";
  };
  while (!(await isConnected()));
  const { mcp_tools } = await usage(cli);
  return { body: cli.fakeApi.counts.find(({ body }) => body.tools.length > 0)?.body, mcp_tools };
}

describe("tools of an MCP server", () => {
  it("are counted under their own names, minus 500", async () => {
    const { body, mcp_tools } = await countedTools([
      { name: "long", description: "x ".repeat(1000), inputSchema },
      { name: "Bash", description: "Runs", inputSchema },
    ]);
    expect(body.messages).toEqual([user("foo")]);
    expect(body.tools).toEqual([
      { name: "Bash", description: "Runs", input_schema: inputSchema },
      { name: "long", description: "x ".repeat(1000), input_schema: inputSchema },
    ]);
    expect(mcp_tools).toBe(apiCount(body) - 500);
  });

  it("lose invisible characters, have others replaced, and are counted once for each name", async () => {
    const { body } = await countedTools([
      { name: "a", description: "z\u200bw\u00ad \ue000p \ufdd0n ℃ ①", inputSchema },
      { name: "a", description: "Another", inputSchema },
    ]);
    expect(body.tools).toEqual([{ name: "a", description: "zw p n °C 1", input_schema: inputSchema }]);
  });
});

async function serveTools(cli: RawCli, tools: object[]): Promise<void> {
  for (;;) {
    const { request_id, request } = await cli.next((message) => message.type === "control_request");
    const { id, method, params } = request.message;
    const initialized = { ...params, capabilities: { tools: {} }, serverInfo: { name: "t", version: "1" } };
    const result = { initialize: initialized, "tools/list": { tools } }[method as string] ?? {};
    const response = { mcp_response: { jsonrpc: "2.0", id: id ?? 0, result } };
    cli.write({ type: "control_response", response: { subtype: "success", request_id, response } });
  }
}
