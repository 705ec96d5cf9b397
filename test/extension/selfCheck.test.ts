import { afterEach, describe, expect, it, vi } from "vitest";
import * as vscode from "vscode";
import type { Parts } from "../../src/extension/commands/register.ts";
import { runSelfCheck } from "../../src/extension/commands/selfCheck.ts";

afterEach(() => vi.restoreAllMocks());

/** The command's parts, with what the check finds, and whether the user then asks for the log. */
function scene(problems: string[], { asksForLog = false, isChecked = true } = {}) {
  const logged: string[] = [];
  const shown = vi.fn();
  const warned: string[] = [];
  const channel = {
    info: (line: string) => void logged.push(line),
    warn: (line: string) => void warned.push(line),
    show: shown,
  };
  const runDoctor = async () => ({
    notes: [
      { topic: "cli", text: "Claude Code 2.1.330 at /bin/claude" },
      ...problems.map((text) => ({ topic: "check", text, isProblem: true })),
    ],
    isChecked,
  });
  const answer = async (...[, button]: unknown[]) => (asksForLog ? button : undefined) as never;
  const notified = {
    information: vi.spyOn(vscode.window, "showInformationMessage").mockImplementation(answer),
    warning: vi.spyOn(vscode.window, "showWarningMessage").mockImplementation(answer),
  };
  return { logged, warned, shown, notified, parts: { channel, runDoctor } as unknown as Parts };
}

describe("the self-check command", () => {
  it("confirms that all checks passed, and logs the notes", async () => {
    const { parts, notified, logged } = scene([]);
    await runSelfCheck(parts);
    expect(notified.information).toHaveBeenCalledExactlyOnceWith("Claude Code passed the self-check.", "Show Log");
    expect(notified.warning).not.toHaveBeenCalled();
    expect(logged).toEqual(["Claude Code 2.1.330 at /bin/claude"]);
  });

  it("does not report success for checks that were not run", async () => {
    const { parts, notified } = scene([], { isChecked: false });
    await runSelfCheck(parts);
    const text = "Claude Code was found, but the self-check was not run. See the log for the reason.";
    expect(notified.information).toHaveBeenCalledExactlyOnceWith(text, "Show Log");
  });

  it("names the problems, and shows the log on request", async () => {
    const { parts, notified, shown, warned } = scene(["one call after max_tokens: 4 calls", "not signed in"], {
      asksForLog: true,
    });
    await runSelfCheck(parts);
    const text = "The self-check of Claude Code found: one call after max_tokens: 4 calls; not signed in";
    expect(notified.warning).toHaveBeenCalledExactlyOnceWith(text, "Show Log");
    expect(notified.information).not.toHaveBeenCalled();
    expect(warned).toEqual(["✗ one call after max_tokens: 4 calls", "✗ not signed in"]);
    await vi.waitFor(() => expect(shown).toHaveBeenCalledOnce());
  });
});
