import * as vscode from "vscode";
import { Command, Setting } from "../contributions.ts";
import type { Parts } from "./register.ts";

export async function chooseModel({ serverClient, settings }: Parts): Promise<void> {
  const current = settings.defaultModel;
  const items = serverClient.models().then((models) =>
    models.map(({ id, display_name }) => ({
      label: id,
      description: id === current ? vscode.l10n.t("{0} (current)", display_name) : display_name,
    })),
  );
  const placeHolder = vscode.l10n.t("Default model");
  const choice = await vscode.window.showQuickPick(items, { placeHolder, matchOnDescription: true });
  if (choice) await settings.update(Setting.defaultModel, choice.label);
}

/** Creates a key and requires it: without one, every account on the machine can use the server. */
export async function createApiKey(parts: Parts): Promise<void> {
  const { settings } = parts;
  if ((await settings.requiredApiKey()) !== undefined && !(await confirmReplacement())) return;
  await settings.createApiKey();
  await requireKey(parts, true);
  const copyEnvironment = vscode.l10n.t("Copy Environment Variables");
  const text = vscode.l10n.t("The server now accepts only the new API key. Give it to your tools.");
  const choice = await vscode.window.showInformationMessage(text, copyEnvironment);
  if (choice === copyEnvironment) await vscode.commands.executeCommand(Command.copyEnvironment);
}

/** Asks the user for the required key; an empty input clears it. */
export async function setApiKey(parts: Parts): Promise<void> {
  const key = await vscode.window.showInputBox({
    title: vscode.l10n.t("API key that clients must send"),
    prompt: vscode.l10n.t("Stored in VS Code's secret storage. Leave empty to clear the key and accept any."),
    password: true,
    ignoreFocusOut: true,
  });
  if (key === undefined) return;
  await parts.settings.setApiKey(key.trim() || undefined);
  await requireKey(parts, key.trim() !== "");
}

async function requireKey({ controller, settings }: Parts, isRequired: boolean): Promise<void> {
  await settings.update(Setting.requireApiKey, isRequired);
  // the setting may not change, but the key has
  if (controller.state.kind !== "stopped") await controller.restart();
}

async function confirmReplacement(): Promise<boolean> {
  const replace = vscode.l10n.t("Replace");
  const question = vscode.l10n.t("Replace the API key?");
  const detail = vscode.l10n.t("Clients that send the current key will be refused.");
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, replace)) === replace;
}
