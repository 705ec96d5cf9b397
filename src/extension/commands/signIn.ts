import { win32 } from "node:path";
import * as vscode from "vscode";
import type { Parts } from "./register.ts";

/**
 * Opens the server's CLI in a terminal for `/login`, and checks it again once it has exited. A shell runs it, so that an error
 * stays visible; it has the workers' environment, which may name another place for the sign-in.
 */
export async function signIn({ controller, settings }: Parts): Promise<void> {
  const path = controller.cliPath ?? (settings.claudePath || "claude");
  const terminal = vscode.window.createTerminal({ name: "Claude Code", env: settings.extraEnvironment });
  const check = () => void controller.checkCli();
  const subscriptions = vscode.Disposable.from(
    // earlier than the close of the terminal, with shell integration
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

/** The command line that runs this program in a shell, quoted for that shell. */
export function commandLine(program: string, shell: string): string {
  if (/^[\w./-]+$/.test(program)) return program;
  // `win32` accepts both kinds of slash
  const name = win32.basename(shell).toLowerCase();
  if (name.startsWith("pwsh") || name.startsWith("powershell")) return `& '${program.replaceAll("'", "''")}'`;
  if (name === "cmd.exe") return `"${program}"`;
  return `'${program.replaceAll("'", String.raw`'\''`)}'`;
}
