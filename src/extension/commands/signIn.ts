import * as vscode from "vscode";
import type { Parts } from "./register.ts";

/**
 * Opens the CLI that the server uses in a terminal, where `/login` signs in, and asks it for its state when the user has
 * left it. The terminal runs it without a shell, since it may not be on the `PATH`, and with the variables that workers
 * get, since these may name another place for its sign-in.
 */
export async function signIn({ controller, settings }: Parts): Promise<void> {
  const terminal = vscode.window.createTerminal({
    name: "Claude Code",
    shellPath: controller.cliPath ?? (settings.claudePath || "claude"),
    env: settings.extraEnvironment,
  });
  const closed = vscode.window.onDidCloseTerminal((other) => {
    if (other !== terminal) return;
    closed.dispose();
    void controller.checkCli();
  });
  terminal.show();
}
