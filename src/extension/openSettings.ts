import * as vscode from "vscode";

/** VS Code's commands that open the user's settings, and those of the remote machine. */
export const SETTINGS_COMMANDS = ["workbench.action.openSettings", "workbench.action.openRemoteSettings"] as const;

/** The command that opens our settings. In a remote window, most of them take effect only in the machine's settings. */
export function settingsCommand(): string {
  return SETTINGS_COMMANDS[vscode.env.remoteName === undefined ? 0 : 1];
}

export async function openSettings(query: string): Promise<void> {
  await vscode.commands.executeCommand(settingsCommand(), { query });
}
