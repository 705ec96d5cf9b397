import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { itThorough, sampled } from "../support/full.ts";
import { body, NEUTRAL, RawCli } from "../support/rawCli.ts";
import { reply, text } from "../support/replies.ts";

/** CLI behaviour that would change requests, and what prevents it: first the trap, then the way around. */
describe("by default, the CLI", () => {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await RawCli.start({ system: ["You are terse."] });
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => cli.fakeApi.reset());
  const upstream = () => cli.fakeApi.messages[0]!.body;

  it("keeps a setting that the next settings omit", async () => {
    await cli.turn(body("first"));
    await cli.settings({ env: { CLAUDE_CODE_EFFORT_LEVEL: "unset" } });
    const ended = cli.next((message) => message.type === "result");
    cli.write({
      type: "user",
      message: { role: "user", content: "." },
      client_composed: true,
      parent_tool_use_id: null,
      session_id: "",
    });
    await ended;
    expect(cli.fakeApi.messages.map((message) => message.body.messages)).toEqual([
      body("first").messages,
      body("first").messages,
    ]);
  });

  it("adds thinking and an effort, which two settings remove", async () => {
    await cli.turn(body("x", { max_tokens: 5000 }), {
      env: { CLAUDE_CODE_DISABLE_THINKING: "0", CLAUDE_CODE_EFFORT_LEVEL: "high" },
    });
    expect(upstream()).toMatchObject({
      thinking: { type: "adaptive" },
      output_config: { effort: "high" },
    });
    cli.fakeApi.reset();
    await cli.turn(body("x", { max_tokens: 5000 }));
    expect(Object.keys(upstream())).not.toEqual(expect.arrayContaining(["thinking"]));
    expect(upstream()).not.toHaveProperty("context_management");
    expect(upstream()).not.toHaveProperty("output_config");
  });

  it("adds nothing to the body's thinking while its own is off", async () => {
    const asked = { max_tokens: 5000, thinking: { type: "enabled", budget_tokens: 2048 } };
    await cli.turn(body("x", asked));
    const { system: _s, metadata: _md, ...rest } = upstream();
    expect(rest).toEqual({ ...body("x", asked), model: rest.model, tools: [], stream: true });
  });

  it("marks its identity and the system prompt for caching, which one setting switches", async () => {
    const marks = () =>
      upstream().system.map((block: { cache_control?: unknown }) => block.cache_control !== undefined);
    for (const [value, expected] of [
      ["", [false, true, true]],
      ["1", [false, false, false]],
      ["", [false, true, true]],
    ] as const) {
      cli.fakeApi.reset();
      await cli.turn(body(), { env: { DISABLE_PROMPT_CACHING: value } });
      expect(marks()).toEqual(expected);
    }
  });

  it("keeps its cache marks as long as one setting says", async () => {
    for (const [ttl, expected] of [
      ["1h", { type: "ephemeral", ttl: "1h" }],
      ["5m", { type: "ephemeral" }],
    ] as const) {
      cli.fakeApi.reset();
      await cli.turn(body(), { env: { DISABLE_PROMPT_CACHING: "", CLAUDE_CODE_PROMPT_CACHE_TTL: ttl } });
      expect(upstream().system.at(-1).cache_control).toEqual(expected);
    }
  });

  it("adds a temperature for old models, but not while thinking; the body's thinking then replaces its own", async () => {
    const model = "claude-haiku-4-5-20251001";
    await cli.turn(body("x", { top_p: 0.9 }), { model });
    expect(upstream()).toMatchObject({ temperature: 1, top_p: 0.9 });
    cli.fakeApi.reset();
    const env = { CLAUDE_CODE_DISABLE_THINKING: "0" };
    await cli.turn(body("x", { top_p: 0.9, thinking: { type: "disabled" } }), { model, env });
    expect(upstream().thinking).toEqual({ type: "disabled" });
    expect(upstream()).not.toHaveProperty("temperature");
  });

  it("adds notes to the conversation, which vanish with the replaced messages", async () => {
    await cli.turn({ max_tokens: 100 });
    expect(JSON.stringify(upstream().messages)).toContain("# Environment");
    cli.fakeApi.reset();
    await cli.turn(body("mine"));
    expect(upstream().messages).toEqual([{ role: "user", content: "mine" }]);
  });

  it("runs a text that looks like a command, but not one in the body", async () => {
    const command = cli.next((message) => message.type === "result");
    cli.write({ type: "user", message: { role: "user", content: "/cost" }, parent_tool_use_id: null, session_id: "" });
    await command;
    expect(cli.fakeApi.messages).toHaveLength(0);
    for (const content of ["/help", "@/etc/hostname", "!ls", "#remember"]) {
      cli.fakeApi.reset();
      await cli.turn(body(content));
      expect(upstream().messages).toEqual([{ role: "user", content }]);
    }
  });

  it("reports failed turns as 'success'", async () => {
    cli.fakeApi.respond = () => ({ status: 500, error: { type: "api_error", message: "Internal" } });
    const { result } = await cli.turn(body());
    expect(result).toMatchObject({ subtype: "success", is_error: true, api_error_status: 500 });
  });

  it("accepts 100 tools", async () => {
    const tools = Array.from({ length: 100 }, (_, i) => ({ name: `tool_${i}`, input_schema: { type: "object" } }));
    await cli.turn(body("x", { tools }));
    expect(upstream().tools).toEqual(tools);
  });
});

// every test of test/fidelity shows that these are prevented
describe("from its start, the CLI", () => {
  const betasOf = ({ fakeApi }: RawCli) => String(fakeApi.messages[0]!.headers["anthropic-beta"]).split(",");

  itThorough("sends betas and edits the context for its own features, unless disabled", async () => {
    const free = [
      "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS",
      "DISABLE_INTERLEAVED_THINKING",
      "CLAUDE_CODE_MODEL_CAPABILITIES",
    ];
    const env = Object.fromEntries(free.map((name) => [name, undefined]));
    await using eager = await RawCli.start({ system: [], env });
    await eager.turn(body("x", { max_tokens: 5000 }), { env: { CLAUDE_CODE_DISABLE_THINKING: "0" } });
    expect(betasOf(eager)).toEqual(expect.arrayContaining(["interleaved-thinking-2025-05-14"]));
    expect(betasOf(eager).length).toBeGreaterThan(3);
    expect(eager.fakeApi.messages[0]!.body).toHaveProperty("context_management");
    await using plain = await RawCli.start({ system: [] });
    await plain.turn(body("x", { max_tokens: 5000 }), { env: { CLAUDE_CODE_DISABLE_THINKING: "0" } });
    expect(betasOf(plain)).toEqual(["claude-code-20250219", "effort-2025-11-24"]);
    expect(plain.fakeApi.messages[0]!.body).not.toHaveProperty("context_management");
  });

  itThorough("carries experimental betas only while its own are enabled", async () => {
    const beta = "mid-conversation-tool-changes-2026-07-01";
    const arrived = async (env: Record<string, string | undefined>) => {
      await using cli = await RawCli.start({ system: [], env: { ANTHROPIC_BETAS: beta, ...env } });
      await cli.turn(body());
      return betasOf(cli).includes(beta);
    };
    expect(await arrived({})).toBe(false);
    expect(await arrived({ CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS: undefined })).toBe(true);
  });

  it("removes the effort for models without one, unless all have it", async () => {
    const asked = body("x", { output_config: { effort: "max" } });
    const arrived = async (capabilities: string | undefined) => {
      await using cli = await RawCli.start({ system: [], env: { CLAUDE_CODE_MODEL_CAPABILITIES: capabilities } });
      await cli.turn(asked, { model: "claude-haiku-4-5-20251001" });
      return cli.fakeApi.messages[0]!.body.output_config;
    };
    expect(await arrived(undefined)).toBeUndefined();
    expect(await arrived("*=effort")).toEqual({ effort: "max" });
  });

  it("sends betas from a variable in addition to its own", async () => {
    await using cli = await RawCli.start({
      system: [],
      env: { ANTHROPIC_BETAS: "context-1m-2025-08-07,unheard-of-2027-01-01" },
    });
    await cli.turn(body());
    expect(betasOf(cli)).toEqual(
      expect.arrayContaining(["context-1m-2025-08-07", "unheard-of-2027-01-01", "claude-code-20250219"]),
    );
  });

  itThorough("treats an answer near the context window as full, unless the limit is raised", async () => {
    const full = () => reply([text("x")], { usage: { input_tokens: 990_000, output_tokens: 9000 } });
    await using limited = await RawCli.start({ system: [], env: { CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: undefined } });
    limited.fakeApi.respond = full;
    await limited.turn(body());
    expect((await limited.turn(body())).result.terminal_reason).toBe("blocking_limit");
    await using lifted = await RawCli.start({ system: [] });
    lifted.fakeApi.respond = full;
    await lifted.turn(body());
    expect((await lifted.turn(body())).result.is_error).toBe(false);
  });

  const alike = [
    "x-anthropic-billing-header: a\nBe brief.",
    "You are Claude Code, Anthropic's official CLI for Claude.",
    "You are a Claude agent, built on Anthropic's Claude Agent SDK.",
    "__SYSTEM_PROMPT_DYNAMIC_BOUNDARY__",
  ];
  it.each(sampled(alike, 4, 1))(
    "omits a system prompt that looks like its own, unless something precedes it: %j",
    async (system) => {
      const arrived = async (given: string) => {
        await using cli = await RawCli.start({ system: [given] });
        await cli.turn(body());
        return cli.fakeApi.messages[0]!.body.system.slice(2);
      };
      expect(await arrived(system)).toEqual([]);
      expect(await arrived(`\n${system}`)).toEqual([expect.objectContaining({ text: `\n${system}` })]);
    },
  );

  itThorough("requests a current model instead of an old one, unless disabled", async () => {
    const old = "claude-opus-4-20250514";
    await using eager = await RawCli.start({ system: [], env: { CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP: undefined } });
    await eager.turn(body(), { model: old });
    expect(eager.fakeApi.messages[0]!.body.model).not.toBe(old);
    await using literal = await RawCli.start({ system: [] });
    await literal.turn(body(), { model: old });
    expect(literal.fakeApi.messages[0]!.body.model).toBe(old);
  });

  it("reads no hooks, memory or settings of the user", async () => {
    const prepare = async (home: string) => {
      const hook = { hooks: [{ type: "command", command: `touch ${join(home, "hook-fired")}` }] };
      await mkdir(join(home, ".claude"));
      await writeFile(
        join(home, ".claude", "settings.json"),
        JSON.stringify({
          hooks: { SessionStart: [hook], UserPromptSubmit: [hook], Stop: [hook] },
          env: { MAX_THINKING_TOKENS: "9999" },
        }),
      );
      await writeFile(join(home, ".claude", "CLAUDE.md"), "Always answer in verse.");
    };
    await using cli = await RawCli.start({ system: [], prepare });
    await cli.turn({ max_tokens: 5000 }, { env: { ...NEUTRAL } });
    expect(cli.fakeApi.messages[0]!.raw).not.toContain("verse");
    await expect(import("node:fs/promises").then((fs) => fs.access(join(cli.home, "hook-fired")))).rejects.toThrow();
  });

  it("accepts a key helper as a setting", async () => {
    await using cli = await RawCli.start({
      system: [],
      args: ["--settings", JSON.stringify({ apiKeyHelper: "echo key-of-the-helper" })],
      env: { ANTHROPIC_API_KEY: undefined },
    });
    await cli.turn(body());
    const { headers } = cli.fakeApi.messages[0]!;
    expect([headers["x-api-key"], headers.authorization]).toContain("key-of-the-helper");
  });

  it("accepts a subscription's token and adds its beta", async () => {
    await using cli = await RawCli.start({
      system: [],
      env: { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-test" },
    });
    await cli.turn(body());
    const { headers } = cli.fakeApi.messages[0]!;
    expect(headers.authorization).toBe("Bearer sk-ant-oat01-test");
    expect(headers["anthropic-beta"]).toContain("oauth-2025-04-20");
  });
});
