import * as vscode from "vscode";
import { Setting } from "../contributions.ts";
import type { Parts } from "./register.ts";

/** Chooses the model of selections and of other extensions' calls, from the live list. */
export async function chooseModel({ caller, settings }: Parts): Promise<void> {
  const current = settings.defaultModel;
  const items = caller.models().then((models) =>
    models.map(({ id, display_name }) => ({
      label: id,
      description: id === current ? vscode.l10n.t("{0} (current)", display_name) : display_name,
    })),
  );
  const placeHolder = vscode.l10n.t("Default model");
  const choice = await vscode.window.showQuickPick(items, { placeHolder, matchOnDescription: true });
  if (choice) await settings.update(Setting.defaultModel, choice.label);
}

/** Asks for the key that clients must send; an empty one clears it. */
export async function setApiKey({ controller, settings }: Parts): Promise<void> {
  const key = await vscode.window.showInputBox({
    title: vscode.l10n.t("API key that clients must send"),
    prompt: vscode.l10n.t("Kept in VS Code's secret storage. Leave it empty to clear it and accept any key."),
    password: true,
    ignoreFocusOut: true,
  });
  if (key === undefined) return;
  await settings.setApiKey(key.trim() || undefined);
  await settings.update(Setting.requireApiKey, key.trim() !== "");
  // the setting may have been on before, with another key
  if (controller.state.kind !== "stopped") await controller.restart();
}
