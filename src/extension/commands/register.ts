import * as vscode from "vscode";
import type { Caller } from "../caller.ts";
import { Command, WALKTHROUGH } from "../contributions.ts";
import type { Controller } from "../controller.ts";
import type { Settings } from "../settings.ts";
import { copyCurl, copyEnvironment, copyUrl } from "./copy.ts";
import { chooseModel, setApiKey } from "./preferences.ts";
import { askAboutSelection, sendSelection } from "./selection.ts";

/** What commands work on. */
export interface Parts {
  controller: Controller;
  caller: Caller;
  settings: Settings;
  channel: vscode.LogOutputChannel;
}

/** Every command of package.json. A command that fails says why. */
export function registerCommands(parts: Parts): vscode.Disposable {
  const { controller, channel } = parts;
  const handlers: Record<keyof typeof Command, () => Promise<unknown> | undefined> = {
    start: () => controller.start(),
    stop: () => controller.stop(),
    restart: () => controller.restart(),
    toggle: () => controller.toggle(),
    sendSelection: () => sendSelection(parts),
    askAboutSelection: () => askAboutSelection(parts),
    copyUrl: () => copyUrl(parts),
    copyEnvironment: () => copyEnvironment(parts),
    copyCurl: () => copyCurl(parts),
    chooseModel: () => chooseModel(parts),
    setApiKey: () => setApiKey(parts),
    showLog: async () => channel.show(),
    openWalkthrough: async () => vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH),
  };
  const registrations = Object.entries(handlers).map(([name, handler]) =>
    vscode.commands.registerCommand(Command[name as keyof typeof Command], () => handler()?.catch(tell)),
  );
  return vscode.Disposable.from(...registrations);
}

function tell(error: Error): void {
  void vscode.window.showErrorMessage(`Claude Virtual API: ${error.message}`);
}
