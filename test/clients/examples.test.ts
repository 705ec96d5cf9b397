import { execFile, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ClaudeClient } from "../../src/client.ts";
import { scratchHome } from "../support/harness.ts";
import { failure, reply, text, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();
const examples = join(import.meta.dirname, "../../examples");
const read = (path: string) => readFileSync(join(examples, path), "utf8");
const succeeds = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

const hasCurl = succeeds("sh", "-c", "curl --version");
const hasPythonSdk = succeeds("python3", "-c", "import anthropic");

/** Runs an example as its README says, and resolves with what it prints. */
async function run(command: string, example: string, ...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, ANTHROPIC_BASE_URL: app.url, ANTHROPIC_API_KEY: "any-key" };
  const { stdout } = await promisify(execFile)(command, [join(examples, example), ...args], { env });
  return stdout;
}

async function runWithFile(command: string, example: string): Promise<string> {
  await using scratch = await scratchHome();
  const path = join(scratch.home, "notes.txt");
  await writeFile(path, "Twelve apples.");
  // awaited, since the file is deleted at the end of this block
  return await run(command, example, path);
}

const sources = () => JSON.stringify(app.fakeApi.messages[0]?.body.messages);
const filesLeft = async () => ((await (await app.call("/v1/files")).json()) as { data: unknown[] }).data;

/** Answers a question with a call of the tool, and its result with words. */
function useTool() {
  app.fakeApi.respond = ({ body }) => {
    const { content } = body.messages.at(-1);
    if (typeof content === "string")
      return reply([toolUse("get_weather", { city: "Paris" })], { stop_reason: "tool_use" });
    return reply([text(`Yes: ${content[0].content}`)]);
  };
}

describe.skipIf(!hasCurl)("the curl examples (skipped without sh and curl)", () => {
  it("send a message", async () => {
    expect(JSON.parse(await run("sh", "curl/message.sh")).content[0].text).toBe("You said: Hello, Claude");
  });

  it("stream a message", async () => {
    expect(await run("sh", "curl/stream.sh")).toMatch(/^event: message_start\n[\s\S]*event: message_stop\n/);
  });

  it("count tokens", async () => {
    expect(await run("sh", "curl/count-tokens.sh")).toMatch(
      /claude-virtual-api-token-count: \w+[\s\S]*\{"input_tokens":\d+\}/,
    );
  });

  it("ask about a file, and delete it", async () => {
    const answer = JSON.parse(await runWithFile("sh", "curl/file.sh"));
    expect(answer.content[0].text).toBe("You said: What does it say?");
    expect(sources()).toContain("Twelve apples.");
    expect(await filesLeft()).toEqual([]);
  });

  it("print the results of a batch", async () => {
    const results = (await run("sh", "curl/batch.sh"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(results.map(({ custom_id, result }) => [custom_id, result.type]).toSorted()).toEqual([
      ["blue", "succeeded"],
      ["red", "succeeded"],
    ]);
  });
});

describe("the TypeScript examples", () => {
  it("send and stream a message", async () => {
    expect(await run(process.execPath, "typescript/message.ts")).toBe(
      "You said: Hello, Claude\nYou said: Tell me a story\n",
    );
  });

  it("run a tool", async () => {
    useTool();
    expect(await run(process.execPath, "typescript/tools.ts")).toBe("Yes: 12 °C and rain in Paris\n");
    expect(app.fakeApi.messages).toHaveLength(2);
  });

  it("ask about a file, and delete it", async () => {
    expect(await runWithFile(process.execPath, "typescript/file.ts")).toBe("You said: What does it say?\n");
    expect(sources()).toContain("Twelve apples.");
    expect(await filesLeft()).toEqual([]);
  });

  it("print the results of a batch", async () => {
    const lines = (await run(process.execPath, "typescript/batch.ts")).trim().split("\n");
    expect(lines.toSorted()).toEqual([
      "blue succeeded You said: Name something blue.",
      "red succeeded You said: Name something red.",
    ]);
  });
});

describe.skipIf(!hasPythonSdk)("the Python examples (skipped without python3 and the package anthropic)", () => {
  it("send and stream a message", async () => {
    expect(await run("python3", "python/message.py")).toBe("You said: Hello, Claude\nYou said: Tell me a story\n");
  });
});

describe("the example of an extension", () => {
  /** As much of `vscode` as it uses, with our own client in place of our extension. */
  function editor() {
    const commands = new Map<string, () => Promise<void>>();
    const shown = { answer: [] as string[], errors: [] as string[] };
    const api = new ClaudeClient({ baseURL: app.url });
    const vscode = {
      commands: { registerCommand: (name: string, run: () => Promise<void>) => commands.set(name, run) },
      extensions: { getExtension: () => ({ activate: async () => api }) },
      window: {
        createOutputChannel: () => ({ clear() {}, show() {}, append: (part: string) => shown.answer.push(part) }),
        showErrorMessage: (message: string) => shown.errors.push(message),
        showInputBox: async () => "Why is the sky blue?",
      },
    };
    const exports: { activate?: (context: object) => void } = {};
    new Function("require", "exports", read("extension/extension.js"))(() => vscode, exports);
    exports.activate?.({ subscriptions: [] });
    return { commands, shown };
  }

  it("shows the answer", async () => {
    const { commands, shown } = editor();
    const [{ command }] = JSON.parse(read("extension/package.json")).contributes.commands;
    await commands.get(command)?.();
    expect(shown.answer.join("")).toBe("You said: Why is the sky blue?");
    expect(shown.errors).toEqual([]);
  });

  it("shows why there is none", async () => {
    const { commands, shown } = editor();
    app.fakeApi.respond = () => failure(400, "invalid_request_error", "No.");
    await commands.get("askClaude.ask")?.();
    expect(shown.errors).toEqual([expect.stringContaining("No.")]);
  });
});

it("every example is in the list", () => {
  const files = globSync("{curl,typescript,python}/*.{sh,ts,py}", { cwd: examples });
  expect(files.length).toBeGreaterThan(9);
  for (const file of files) expect(read("README.md")).toContain(`](${file})`);
});
