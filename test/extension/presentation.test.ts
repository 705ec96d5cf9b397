import { describe, expect, it, onTestFinished, vi } from "vitest";
import { env as realEnv, window } from "vscode";
import type { BatchChange } from "../../src/extension/batchWatch.ts";
import { unfenced } from "../../src/extension/commands/answer.ts";
import { promptFor } from "../../src/extension/commands/selection.ts";
import type { RunningBatch } from "../../src/extension/probe.ts";
import { type ProofFailure, UnprovenServerError } from "../../src/extension/provenConnection.ts";
import type { State } from "../../src/extension/state.ts";
import { createStatusBar, present } from "../../src/extension/statusBar.ts";
import { errorMessage, plain } from "../../src/extension/texts.ts";
import { formatTime } from "../../src/extension/views/format.ts";
import type { CliProblem } from "../../src/server.ts";
import { Emitter } from "../../src/shared/emitter.ts";

const env = realEnv as { remoteName: string | undefined };
const url = "http://127.0.0.1:8080";

describe("the status bar item", () => {
  it.each<[State, string, string, boolean]>([
    [{ kind: "stopped" }, "$(circle-slash) Claude API", "Stopped. Click to start.", false],
    [{ kind: "starting" }, "$(sync~spin) Claude API", "Starting…", false],
    [
      { kind: "running", url, requests: 0 },
      "$(radio-tower) Claude API :8080",
      `Running at ${url}. Click to stop.`,
      false,
    ],
    [
      { kind: "running", url, requests: 2 },
      "$(radio-tower) Claude API :8080 (2)",
      `Running at ${url}. Click to stop.`,
      false,
    ],
    [
      { kind: "shared", url, requests: 0 },
      "$(link) Claude API :8080",
      `Shared: another window runs the server at ${url}.`,
      false,
    ],
    [{ kind: "failed", message: "why" }, "$(error) Claude API", "Failed: why", true],
    [
      { kind: "failed", message: "in use", descriptor: { id: "port_in_use", values: { port: 8080 } }, portTaken: 8080 },
      "$(error) Claude API",
      "Failed: Port 8080 is used by another program, so Claude Virtual API could not start. Choose another port.",
      true,
    ],
  ])("shows %j", (state, text, summary, isFailure) => {
    expect(present(state)).toEqual({ text, summary, isFailure });
  });
});

it("warns in the status bar while the CLI fails requests", () => {
  const problem = { code: "cli_not_signed_in", message: "" } as const;
  const state = { kind: "running", url, requests: 0 } as const;
  expect(present(state, problem)).toMatchObject({ text: "$(warning) Claude API :8080", isWarning: true });
});

describe("the tooltip of the status bar item", () => {
  /** The item of a window whose server runs these batches, with a function to change them. */
  function itemOf(running: RunningBatch[], state: State = { kind: "running", url, requests: 0 }, problem?: CliProblem) {
    const changed = new Emitter<BatchChange>();
    const watch = { running, onDidChange: (listener: (news: BatchChange) => void) => changed.on(listener) };
    const create = vi.spyOn(window, "createStatusBarItem");
    const never = () => () => {};
    createStatusBar(
      { state, cliProblem: problem, cliState: problem?.code ?? "ready", onDidChangeState: never, onDidCheckCli: never },
      watch,
    );
    const item = create.mock.results[0]?.value;
    create.mockRestore();
    const set = (next: RunningBatch[]) => {
      watch.running = next;
      changed.emit({ running: next, isNewSet: false });
    };
    // without Markdown escapes
    const paragraphs = (): string[] => item.tooltip.value.replace(/\\(.)/g, "$1").split("\n\n");
    return { item, set, paragraphs };
  }
  const until = new Date(Date.now() + 60_000).toISOString();
  const batch = (paused: RunningBatch["paused"]): RunningBatch => ({ id: "msgbatch_1", total: 200, done: 37, paused });

  it("says until when and why batches are paused, as long as they are", () => {
    const { item, set, paragraphs } = itemOf([batch(null)]);
    const progress = "[1 batch: 37 of 200](command:claudeVirtualApi.batches.focus)";
    const summary = `Running at ${url}. Click to stop.`;
    const label = `Claude Virtual API: ${summary} 1 batch: 37 of 200`;
    expect(paragraphs()).toEqual(["**Claude Virtual API**", summary, progress, expect.stringContaining("Copy URL")]);
    expect(item.accessibilityInformation.label).toBe(label);

    set([batch({ until, reason: "Rate limited" }), batch({ until, reason: "Rate limited" })]);
    const pause = `Paused until ${formatTime(until)}: Rate limited`;
    expect(paragraphs()[3]).toBe(pause);
    expect(paragraphs()).toHaveLength(5);
    expect(item.accessibilityInformation.label).toContain(`2 batches: 74 of 400 ${pause}`);

    set([batch(null)]);
    expect(item.tooltip.value).not.toContain("Paused");
    set([]);
    expect(paragraphs()).toHaveLength(3);
    expect(item.accessibilityInformation.label).toBe(`Claude Virtual API: ${summary}`);
  });

  it("says what is wrong with the CLI, and offers the remedy", () => {
    const problem = { code: "cli_not_signed_in", message: "" } as const;
    const { item, paragraphs } = itemOf([], undefined, problem);
    const warning = "Claude Code is not signed in, so requests will fail.";
    expect(paragraphs()[2]).toBe(warning);
    expect(paragraphs()[3]).toMatch(/^\[Sign In\]\(command:claudeVirtualApi\.signIn\)/);
    expect(item.backgroundColor.id).toBe("statusBarItem.warningBackground");
    expect(item.accessibilityInformation.label).toContain(warning);
  });

  it("opens the machine's settings in a remote window, where the user's have no effect", () => {
    expect(itemOf([]).item.tooltip.value).toContain("(command:workbench.action.openSettings?");
    env.remoteName = "wsl";
    onTestFinished(() => {
      env.remoteName = undefined;
    });
    const { item } = itemOf([]);
    expect(item.tooltip.value).toContain("(command:workbench.action.openRemoteSettings?");
    expect(item.tooltip.isTrusted.enabledCommands).toContain("workbench.action.openRemoteSettings");
  });

  it("offers Start without a server, and Restart with one", () => {
    expect(itemOf([], { kind: "stopped" }).item.tooltip.value).toMatch(/\[Start\]/);
    expect(itemOf([], { kind: "stopped" }).item.tooltip.value).not.toMatch(/\[Restart\]/);
    expect(itemOf([]).item.tooltip.value).toMatch(/\[Restart\]/);
  });

  it("escapes command links in the reason", () => {
    const { item } = itemOf([batch({ until, reason: "[Retry](command:claudeVirtualApi.restart)\n\n# now" })]);
    expect(item.tooltip.value).toContain("\\[Retry\\]\\(command\\:claudeVirtualApi\\.restart\\) \\# now\n\n");
  });
});

describe("an external text", () => {
  it.each([
    ["[Retry](command:evil)", "[Retry] (command:evil)"],
    ["one\r\ntwo\u001b[31m\u202ethree\u2028", "one two\\u001b[31m\\u202ethree "],
    ["Déjà vu 👩", "Déjà vu 👩"],
    ["x".repeat(501), `${"x".repeat(500)}…`],
  ])("%j is shown as one plain line", (text, shown) => {
    expect(plain(text)).toBe(shown);
  });
});

describe("the message of a failure", () => {
  it("makes no link in a notification", () => {
    const words = "model: [Retry](command:evil)";
    expect(errorMessage(Object.assign(new Error(), { apiMessage: words }))).toBe("model: [Retry] (command:evil)");
    expect(errorMessage(new Error(words))).toBe("model: [Retry] (command:evil)");
  });

  it("says that nothing was sent to a server without proof", () => {
    const unproven = (reason: ProofFailure) =>
      errorMessage(new Error("Connection error.", { cause: new UnprovenServerError(reason) }));
    expect(unproven("foreign")).toMatch(/nothing was sent/);
    expect(unproven("unproven")).toBe(unproven("foreign"));
    expect([unproven("free"), unproven("timeout")]).toEqual([
      "The server is not running any more.",
      "The server did not answer in time.",
    ]);
  });
});

describe("the prompt of a selection", () => {
  type Editor = Parameters<typeof promptFor>[0];
  const editor = (...texts: string[]) =>
    ({
      document: {
        uri: { path: "/workspace/src/sum.ts" },
        languageId: "typescript",
        getText: (selection: { text: string }) => selection.text,
      },
      selections: texts.map((text) => ({ text, isEmpty: text === "" })),
    }) as unknown as Editor;

  it("names file and language and fences the text", () => {
    expect(promptFor(editor("let a;"))).toBe("src/sum.ts (typescript):\n\n```typescript\nlet a;\n```");
  });

  it("holds every selection, but no empty one", () => {
    expect(promptFor(editor("a", "", "b"))).toBe(
      "src/sum.ts (typescript):\n\n```typescript\na\n```\n\n```typescript\nb\n```",
    );
  });

  it("uses a fence longer than any inside", () => {
    expect(promptFor(editor("````\nx\n````"))).toContain("`````typescript\n````\nx\n````\n`````");
  });
});

describe("an answer that replaces the selection", () => {
  it.each([
    ["```ts\nlet a;\n```", "let a;"],
    ["\n```\na\n\nb\n```\n", "a\n\nb"],
    ["````md\n```\nx\n```\n````", "```\nx\n```"],
    ["Here you are:\n```\na\n```", "Here you are:\n```\na\n```"],
    ["```\na\n```\nand\n```\nb\n```", "```\na\n```\nand\n```\nb\n```"],
    ["plain", "plain"],
  ])("is the code of %j", (answer, code) => {
    expect(unfenced(answer)).toBe(code);
  });
});
