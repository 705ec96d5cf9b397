import * as vscode from "vscode";

/** VS Code's own commands for its settings: those of the user, and those of the machine that a window works on. */
export const SETTINGS_COMMANDS = ["workbench.action.openSettings", "workbench.action.openRemoteSettings"] as const;

/** Which of them shows our settings. In a remote window most of ours count only among those of the machine. */
export function settingsCommand(): string {
  return SETTINGS_COMMANDS[vscode.env.remoteName === undefined ? 0 : 1];
}

/** Opens the settings where `query` finds something. */
export async function openSettings(query: string): Promise<void> {
  await vscode.commands.executeCommand(settingsCommand(), { query });
}
