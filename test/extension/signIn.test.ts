import { expect, it, vi } from "vitest";
import * as vscode from "vscode";
import type { Parts } from "../../src/extension/commands/register.ts";
import { signIn } from "../../src/extension/commands/signIn.ts";

it("opens the CLI that the server uses, and asks it again when its terminal is closed", async () => {
  const terminal = { show: vi.fn() };
  const create = vi.spyOn(vscode.window, "createTerminal").mockReturnValue(terminal as never);
  let close = (_terminal: unknown) => {};
  vi.spyOn(vscode.window, "onDidCloseTerminal").mockImplementation((listener) => {
    close = listener as typeof close;
    return new vscode.Disposable(() => {});
  });
  const checkCli = vi.fn();
  const settings = { claudePath: "", extraEnvironment: { CLAUDE_CONFIG_DIR: "/work" } };
  await signIn({ controller: { cliPath: "/opt/claude", checkCli }, settings } as unknown as Parts);
  const expected = { name: "Claude Code", shellPath: "/opt/claude", env: settings.extraEnvironment };
  expect(create).toHaveBeenCalledExactlyOnceWith(expected);
  expect(terminal.show).toHaveBeenCalledOnce();
  close({});
  expect(checkCli).not.toHaveBeenCalled();
  close(terminal);
  expect(checkCli).toHaveBeenCalledOnce();

  await signIn({ controller: { checkCli }, settings } as unknown as Parts);
  expect(create).toHaveBeenLastCalledWith({ ...expected, shellPath: "claude" });
  vi.restoreAllMocks();
});
