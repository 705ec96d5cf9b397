import { createServer } from "node:net";
import * as vscode from "vscode";
import type { CliProblem } from "../server.ts";
import { Command, SECTION, Setting } from "./contributions.ts";
import type { Controller } from "./controller.ts";
import { openSettings } from "./openSettings.ts";
import type { Settings } from "./settings.ts";
import { type State, urlOf } from "./state.ts";
import { describeTrouble, plain } from "./texts.ts";

const INSTALL_PAGE = "https://code.claude.com/docs/en/setup";

/** The few things a user must know and can mend, each told once for each time it comes up. */
export function notifyOfTrouble(controller: Controller, settings: Settings): vscode.Disposable {
  const told = new Set<string>();
  const once = (key: string, tell: () => Promise<void>) => {
    if (told.has(key)) return;
    told.add(key);
    void tell();
  };
  const offState = controller.onDidChangeState((state) => {
    if (urlOf(state)) told.clear();
    if (state.kind === "failed") once(state.message, () => tellFailure(state, settings));
  });
  const offTrouble = controller.onDidCheckCli((trouble) => {
    if (trouble) once(trouble.code, () => tellTrouble(trouble));
  });
  return vscode.Disposable.from({ dispose: offState }, { dispose: offTrouble });
}

async function tellFailure(state: State & { kind: "failed" }, settings: Settings): Promise<void> {
  const settingsAction = vscode.l10n.t("Open Settings");
  if (state.portTaken === undefined) {
    const choice = await vscode.window.showErrorMessage(
      vscode.l10n.t("Claude Virtual API could not start: {0}", plain(state.message)),
      settingsAction,
    );
    if (choice === settingsAction) await showSetting("");
    return;
  }
  const useAnother = vscode.l10n.t("Use Another Port");
  const text = state.isUnproven
    ? vscode.l10n.t(
        "Port {0} is used by a Claude Virtual API server that does not belong to this VS Code. Nothing is sent to it: stop it, or use another port.",
        state.portTaken,
      )
    : vscode.l10n.t("Port {0} is used by another program, so Claude Virtual API could not start.", state.portTaken);
  const choice = await vscode.window.showWarningMessage(text, useAnother, settingsAction);
  if (choice === useAnother) await settings.update(Setting.port, await freePort(state.portTaken + 1));
  if (choice === settingsAction) await showSetting(Setting.port);
}

async function tellTrouble(trouble: CliProblem): Promise<void> {
  const { code } = trouble;
  const signIn = vscode.l10n.t("Sign In");
  const install = vscode.l10n.t("Install Claude Code");
  const setPath = vscode.l10n.t("Set Path");
  // no other CLI runs in such an environment, nor under such managed settings
  const isOfMachine = code === "cli_environment" || code === "cli_forbidden";
  const found = isOfMachine ? [] : [setPath, install];
  const others = code === "cli_missing" ? [install, setPath] : found;
  const remedies = code === "cli_not_signed_in" ? [signIn] : others;
  const choice = await vscode.window.showWarningMessage(describeTrouble(trouble), ...remedies);
  if (choice === signIn) await vscode.commands.executeCommand(Command.signIn);
  if (choice === install) await vscode.env.openExternal(vscode.Uri.parse(INSTALL_PAGE));
  if (choice === setPath) await showSetting(Setting.claudePath);
}

async function showSetting(name: string): Promise<void> {
  await openSettings(`${SECTION}.${name}`);
}

/** The first port from `port` on that nobody listens on. */
function freePort(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(freePort(port < 65_535 ? port + 1 : 1024)));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(port)));
  });
}
