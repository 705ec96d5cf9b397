import { win32 } from "node:path";
import * as vscode from "vscode";
import type { Parts } from "./register.ts";

/**
 * Runs the CLI that the server uses in a terminal, where `/login` signs in, and asks it for its state when the user has left
 * it. A shell runs it, so that what it says when it fails stays in view; its variables are those of workers, since they
 * may name another place for the sign-in.
 */
export async function signIn({ controller, settings }: Parts): Promise<void> {
  const path = controller.cliPath ?? (settings.claudePath || "claude");
  const terminal = vscode.window.createTerminal({ name: "Claude Code", env: settings.extraEnvironment });
  const check = () => void controller.checkCli();
  const subscriptions = vscode.Disposable.from(
    // sooner than the terminal is closed, where the shell tells VS Code what it runs
    vscode.window.onDidEndTerminalShellExecution(({ terminal: other }) => other === terminal && check()),
    vscode.window.onDidCloseTerminal((other) => {
      if (other !== terminal) return;
      subscriptions.dispose();
      check();
    }),
  );
  terminal.show();
  terminal.sendText(commandLine(path, vscode.env.shell));
}

/** The line that runs this program in a shell, quoted as that wants it. */
export function commandLine(program: string, shell: string): string {
  if (/^[\w./-]+$/.test(program)) return program;
  // a win32 path may have either slash, and so takes that of other systems as well
  const name = win32.basename(shell).toLowerCase();
  if (name.startsWith("pwsh") || name.startsWith("powershell")) return `& '${program.replaceAll("'", "''")}'`;
  if (name === "cmd.exe") return `"${program}"`;
  return `'${program.replaceAll("'", String.raw`'\''`)}'`;
}
