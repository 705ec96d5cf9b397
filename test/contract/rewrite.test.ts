import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TRANSPORT_LAUNCH } from "../../src/claude/launchPlan.ts";
import { installMod, type Mod } from "../../src/claude/process/modFiles.ts";
import type { CliMessage } from "../../src/claude/protocol/codec.ts";
import { MOD_REPORTS, modReport } from "../../src/claude/protocol/modReports.ts";
import { rewriteInstruction } from "../../src/claude/transport/rewrite/instruction.ts";
import { REWRITE_MOD } from "../../src/claude/transport/rewrite/rewriteMod.ts";
import { sampled } from "../support/full.ts";
import { scratchHome } from "../support/harness.ts";
import { RawCli, type RawOptions } from "../support/rawCli.ts";
import { eventsFor, failure, pacedReply, type Reply, reply, text } from "../support/replies.ts";
import { subscriptionFiles, writeFiles } from "../support/signIns.ts";
import { describeRewriting } from "../support/transports.ts";

const SECRET = "marked-7f3a";
/** Requests whose text has a meaning for the CLI. */
const MEANINGS = ["/help", "!ls", "#memo", " @/etc/hostname ", "<command-name>/help</command-name>"];

const sending = (content: string, more: object = {}, { betas = [] as string[], isWhole = false } = {}) =>
  rewriteInstruction(
    JSON.stringify({ model: "sonnet", max_tokens: 9, messages: [{ role: "user", content }], ...more }),
    { betas, isWhole },
  );

/** The mod with a changed source. */
function changed(...changes: [from: string, to: string][]): Mod {
  const path = "hooks/register.js";
  let code = String(REWRITE_MOD.files[path]);
  for (const [from, to] of changes) {
    if (!code.includes(from)) throw new Error(`The mod has no '${from}'.`);
    code = code.replace(from, () => to);
  }
  return { ...REWRITE_MOD, files: { ...REWRITE_MOD.files, [path]: code } };
}

/** The CLI with this mod and the variables for rewriting; undefined for no mod. */
async function startCli(mod: Mod | undefined, options: RawOptions = {}): Promise<RawCli> {
  const scratch = await scratchHome();
  const args = mod ? ["--plugin-dir", await installMod(scratch.home, mod)] : [];
  const env = { ...TRANSPORT_LAUNCH.rewrite.environment, ...options.env };
  const cli = await RawCli.start({ system: [], ...options, args, env });
  // the CLI has read its mods by now
  await scratch[Symbol.asyncDispose]();
  return cli;
}

function useCli(mod: Mod | undefined, options: RawOptions = {}): { readonly cli: RawCli } {
  let cli: RawCli;
  beforeAll(async () => {
    cli = await startCli(mod, options);
  });
  afterAll(() => cli[Symbol.asyncDispose]());
  beforeEach(() => cli.fakeApi.reset());
  return {
    get cli() {
      return cli;
    },
  };
}

const logged = (log: CliMessage[]) =>
  log.map((message) => modReport(message, REWRITE_MOD.name)).filter((report) => report !== undefined);
const reported = (log: CliMessage[]) => log.find((message) => message.is_api_error_message);
const wordsOf = (log: CliMessage[]) => String(reported(log)?.message?.content?.[0]?.text);

/** The contents of all files below. */
async function contentOf(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), "utf8")));
  return texts.join("\n");
}

describeRewriting("a prompt without the mod", () => {
  describe("is interpreted by the CLI:", () => {
    const app = useCli(undefined, { env: { CLAUDE_CODE_EXTRA_BODY: undefined } });

    it("it is sent, and so is a file that it names", async () => {
      await app.cli.prompt(sending(" @/etc/hostname "), { client_composed: undefined });
      const [call] = app.cli.fakeApi.messages;
      expect(call?.raw).toContain("claude-virtual-api instruction");
      expect(call?.raw.split(hostname()).length).toBeGreaterThan(1);
    });

    it("but no file if marked as composed by a client", async () => {
      await app.cli.prompt(sending(" @/etc/hostname "));
      const [call] = app.cli.fakeApi.messages;
      expect(call?.body.messages.at(-1).content).toEqual([{ type: "text", text: sending(" @/etc/hostname ") }]);
    });
  });

  describe("sends only a body without messages, which the API rejects:", () => {
    const app = useCli(undefined);
    it.each(MEANINGS)("%s", async (meaning) => {
      const { log } = await app.cli.prompt(sending(`${meaning} ${SECRET}`));
      expect(app.cli.fakeApi.messages.map(({ body }) => body.messages)).toEqual([[]]);
      expect(app.cli.fakeApi.messages[0]?.raw).not.toContain(SECRET);
      expect(logged(log)).toEqual([]);
    });
  });
});

describeRewriting("an instruction", () => {
  const app = useCli(REWRITE_MOD);

  it.each(sampled([...MEANINGS, ""], MEANINGS.length + 1, 2))(
    "is carried out and leaves no trace: %s",
    async (meaning) => {
      const { result } = await app.cli.prompt(sending(`${meaning} ${SECRET}`, { system: `system ${SECRET}` }));
      const [call, ...more] = app.cli.fakeApi.messages;
      expect(more).toEqual([]);
      expect(call?.body.messages).toEqual([{ role: "user", content: `${meaning} ${SECRET}` }]);
      expect(call?.body.system.at(-1)).toEqual({ type: "text", text: `system ${SECRET}` });
      expect(result.subtype).toBe("success");
      expect(await contentOf(app.cli.home)).not.toContain(SECRET);
      expect(await readFile(`/proc/${app.cli.pid}/cmdline`, "utf8")).not.toContain(SECRET);
      expect(app.cli.stderrLines.join("\n")).not.toContain(SECRET);
    },
  );

  it("allows one call; all other model calls are denied", async () => {
    const { log } = await app.cli.prompt("no instruction");
    expect(app.cli.fakeApi.messages).toEqual([]);
    expect(logged(log)).toEqual([MOD_REPORTS.denied]);
  });

  it("can request one JSON, which comes with status 499", async () => {
    const answer = reply([text("whole")]);
    app.cli.fakeApi.respond = () => answer;
    const { log } = await app.cli.prompt(sending("x", { max_tokens: 0 }, { isWhole: true }));
    expect(app.cli.fakeApi.messages.map(({ body }) => [body.stream, body.max_tokens])).toEqual([[false, 0]]);
    const words = wordsOf(log);
    expect(JSON.parse(words.slice(words.indexOf("{")))).toEqual("folded" in answer && answer.folded);
  });

  it("does not concern the counter, which is denied", async () => {
    const denied = app.cli.next((message) => modReport(message, REWRITE_MOD.name) === MOD_REPORTS.countDenied);
    await app.cli.control({ subtype: "get_context_usage" });
    await denied;
    expect([...app.cli.fakeApi.messages, ...app.cli.fakeApi.counts]).toEqual([]);
  });
});

describeRewriting("the CLI's conversation", () => {
  const pass: [string, string] = ["(!isCall || !instruction) {", "(!instruction) return next(request); if (false) {"];
  const app = useCli(changed(pass), { env: { CLAUDE_CODE_EXTRA_BODY: undefined } });

  it("has a full stop instead of an instruction", async () => {
    app.cli.fakeApi.respond = () => reply([text("answer")]);
    await app.cli.prompt(sending(`first ${SECRET}`));
    await app.cli.prompt("and now?");
    const [, { raw, body }] = app.cli.fakeApi.messages as [unknown, { raw: string; body: CliMessage }];
    expect(raw).not.toContain(SECRET);
    expect(raw).not.toContain("claude-virtual-api instruction");
    expect(body.messages[0]).toEqual({ role: "user", content: "." });
  });
});

describeRewriting("a mod at http.fetch", () => {
  const shows = "$.ui.log(JSON.stringify(request.init.headers));";
  const app = useCli(changed(["const own = ", `${shows}const own = `]));

  it("can replace body and headers, and never sees the credential", async () => {
    const { log } = await app.cli.prompt(sending("x", { foo: 1 }, { betas: ["unknown-2020-01-01"] }));
    const seen = JSON.parse(String(logged(log).find((report) => report.startsWith("{"))));
    expect(seen["x-api-key"]).toBe("[redacted]");
    const [call] = app.cli.fakeApi.messages;
    expect(call?.headers["x-api-key"]).toBe("sk-test-key");
    expect(call?.headers["anthropic-beta"]).toBe(`${seen["anthropic-beta"]},unknown-2020-01-01`);
    expect(call?.headers["content-length"]).toBe(String(Buffer.byteLength(call?.raw ?? "")));
    expect(call?.body).toMatchObject({ foo: 1, max_tokens: 9 });
  });
});

/** A CLI that takes the fake API for Anthropic's address, so that it fills in a digest. */
const FIRST_PARTY = { env: { _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL: "1" } };
const digestIn = (raw: string | undefined) => /cch=(\w+)/.exec(raw ?? "")?.[1];

describeRewriting("the digest of the CLI's billing block", () => {
  const tight = useCli(REWRITE_MOD, FIRST_PARTY);
  const loose = useCli(changed(["'{\"system\":['", "'{\"system\": ['"]), FIRST_PARTY);
  const digestOf = async ({ cli }: { cli: RawCli }, content: string, more: object = {}) => {
    cli.fakeApi.reset();
    await cli.prompt(sending(content, more));
    return digestIn(cli.fakeApi.messages[0]?.raw);
  };

  it("is not filled in unless the system blocks are written without spaces", async () => {
    expect(await digestOf(loose, "one")).toBe("00000");
  });

  it("is filled in after the mod, for the mod's body", async () => {
    const [one, other] = [await digestOf(tight, "one"), await digestOf(tight, "other")];
    expect([one, other]).toEqual([
      expect.stringMatching(/^(?!00000)\w{5}$/),
      expect.stringMatching(/^(?!00000)\w{5}$/),
    ]);
    expect(one).not.toBe(other);
    expect(await digestOf(tight, "one", { system: "cch=00000" })).toMatch(/^(?!00000)/);
    expect(tight.cli.fakeApi.messages[0]?.body.system.at(-1).text).toBe("cch=00000");
  });
});

const begun = [...eventsFor([text("a b c")])].slice(0, 4);
const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
/** Refusals that the CLI would reword or answer with another call. */
const REFUSALS: [status: number, message: string][] = [
  [400, "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1."],
  [400, "prompt is too long: 213462 tokens > 200000 maximum"],
  [400, "Unexpected value(s) `effort-2025-11-24` for the `anthropic-beta` header."],
  [401, "invalid x-api-key"],
  [403, "OAuth token has been revoked"],
  [404, "model: x"],
  [413, "Request exceeds the maximum size"],
  [429, "This request would exceed your account's rate limit"],
  [500, "Internal server error"],
  [529, "Overloaded"],
];

/** Answers after which the CLI would call again. */
const TEMPTING: [string, () => Reply][] = [
  ["max_tokens", () => reply([text("one two")], { stop_reason: "max_tokens" })],
  ["no content", () => reply([])],
];

describeRewriting("if an instruction allowed several calls, the CLI would make them after", () => {
  const app = useCli(changed(["instruction = undefined;", ""]));

  it.each(sampled(TEMPTING, TEMPTING.length, 1))("%s", async (_name, answer) => {
    app.cli.fakeApi.respond = answer;
    await app.cli.prompt(sending("x"));
    expect(app.cli.fakeApi.messages.length).toBeGreaterThan(1);
  });
});

describeRewriting("a refusal", () => {
  const app = useCli(REWRITE_MOD);
  const plain = useCli(changed(["status: 499", "status: value.status"]));

  it("is reworded under its own status", async () => {
    plain.cli.fakeApi.respond = () => failure(404, "not_found_error", "model: x");
    const { log } = await plain.cli.prompt(sending("x"));
    expect(wordsOf(log)).not.toMatch(/model: x$/);
  });

  it.each(sampled(REFUSALS, REFUSALS.length, 4))(
    "keeps its message under status 499, and costs one call: %i %s",
    async (status, message) => {
      app.cli.fakeApi.respond = () => failure(status, "some_error", message);
      const { log } = await app.cli.prompt(sending("x"));
      expect(wordsOf(log)).toBe(`A mod's http.fetch hook stopped this request: ${message}`);
      expect(reported(log)?.api_error_type).toBe("some_error");
      expect(logged(log).find((report) => report.startsWith("answered"))).toContain(`"status":${status}`);
      expect(app.cli.fakeApi.messages).toHaveLength(1);
      expect(logged(log)).not.toContain(MOD_REPORTS.denied);
    },
  );

  it.each<[string, () => Reply]>([
    ...TEMPTING,
    ["a refusal of the model", () => reply([text("no")], { stop_reason: "refusal" })],
    ["an error event", () => pacedReply([...begun, overloaded])],
    ["an error event first", () => pacedReply([overloaded])],
    ["a stream that ends early", () => pacedReply(begun)],
    ["a hang-up", () => ({ hangUp: true })],
    ["a web page", () => ({ status: 502, plain: "<html><title>Bad gateway</title></html>" })],
    ["a refusal without a body", () => ({ status: 503, plain: "" })],
  ])("or another end costs one call: %s", async (_name, answer) => {
    app.cli.fakeApi.respond = answer;
    await app.cli.prompt(sending("x"));
    expect(app.cli.fakeApi.messages).toHaveLength(1);
  });
});

describeRewriting("with an organization's guard, the mod", () => {
  const prepare = (home: string) => writeFiles(home, subscriptionFiles("team"));
  const app = useCli(REWRITE_MOD, { prepare, env: { ANTHROPIC_API_KEY: undefined } });

  it("receives the instruction but is not asked about calls; one without messages is sent", async () => {
    const { log } = await app.cli.prompt(sending(SECRET));
    expect(logged(log)).toEqual([MOD_REPORTS.turnStarted]);
    expect(app.cli.fakeApi.messages.map(({ body }) => body.messages)).toEqual([[]]);
    expect(app.cli.fakeApi.messages[0]?.raw).not.toContain(SECRET);
  });

  it("is not asked about the counter", async () => {
    const before = app.cli.fakeApi.counts.length;
    await app.cli.control({ subtype: "get_context_usage" });
    expect(app.cli.fakeApi.counts.length).toBeGreaterThan(before);
  });

  it.each(sampled([400, 404, 500, 501], 4, 1))("sees no model call if the counter rejects: %i", async (status) => {
    app.cli.fakeApi.refuseCount = () => failure(status, "some_error", "no counter");
    await app.cli.control({ subtype: "get_context_usage" });
    expect(app.cli.fakeApi.messages).toEqual([]);
  });
});
