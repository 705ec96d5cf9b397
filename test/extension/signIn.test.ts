import { expect, it, vi } from "vitest";
import * as vscode from "vscode";
import type { Parts } from "../../src/extension/commands/register.ts";
import { commandLine, signIn } from "../../src/extension/commands/signIn.ts";

it("runs the server's CLI, and checks it again once it or its terminal has ended", async () => {
  const terminal = { show: vi.fn(), sendText: vi.fn() };
  const create = vi.spyOn(vscode.window, "createTerminal").mockReturnValue(terminal as never);
  let end = (_event: unknown) => {};
  let close = (_terminal: unknown) => {};
  vi.spyOn(vscode.window, "onDidEndTerminalShellExecution").mockImplementation((listener) => {
    end = listener as typeof end;
    return new vscode.Disposable(() => {});
  });
  vi.spyOn(vscode.window, "onDidCloseTerminal").mockImplementation((listener) => {
    close = listener as typeof close;
    return new vscode.Disposable(() => {});
  });
  const checkCli = vi.fn();
  const settings = { claudePath: "", extraEnvironment: { CLAUDE_CONFIG_DIR: "/work" } };
  await signIn({ controller: { cliPath: "/opt/claude", checkCli }, settings } as unknown as Parts);
  // no `shellPath`: VS Code closes the terminal of a program that fails, with its output
  expect(create).toHaveBeenCalledExactlyOnceWith({ name: "Claude Code", env: settings.extraEnvironment });
  expect(terminal.sendText).toHaveBeenLastCalledWith("/opt/claude");
  close({});
  end({ terminal: {} });
  expect(checkCli).not.toHaveBeenCalled();
  end({ terminal });
  close(terminal);
  expect(checkCli).toHaveBeenCalledTimes(2);

  await signIn({ controller: { checkCli }, settings } as unknown as Parts);
  expect(terminal.sendText).toHaveBeenLastCalledWith("claude");
  vi.restoreAllMocks();
});

it.each([
  ["/opt/claude", "/bin/zsh", "/opt/claude"],
  ["/Users/Ann O'Hara/claude", "/bin/bash", String.raw`'/Users/Ann O'\''Hara/claude'`],
  [
    String.raw`C:\Users\Ann O'Hara\claude.cmd`,
    String.raw`C:\PowerShell\7\pwsh.exe`,
    String.raw`& 'C:\Users\Ann O''Hara\claude.cmd'`,
  ],
  [String.raw`C:\Users\a b\claude.cmd`, String.raw`C:\Windows\System32\cmd.exe`, String.raw`"C:\Users\a b\claude.cmd"`],
])("quotes %s for %s", (program, shell, line) => {
  expect(commandLine(program, shell)).toBe(line);
});
