import { createServer } from "node:net";
import * as vscode from "vscode";
import type { CliProblem } from "../server.ts";
import { Command, SECTION, Setting } from "./contributions.ts";
import type { Controller } from "./controller.ts";
import { openSettings } from "./openSettings.ts";
import type { Settings } from "./settings.ts";
import { type State, urlOf } from "./state.ts";
import { describeProblem, failureText } from "./texts.ts";

const INSTALL_PAGE = "https://code.claude.com/docs/en/setup";

/** Notifies of problems that only the user can fix, once each until the server runs again. */
export function notifyOfProblems(controller: Controller, settings: Settings): vscode.Disposable {
  const shown = new Set<string>();
  const once = (key: string, show: () => Promise<void>) => {
    if (shown.has(key)) return;
    shown.add(key);
    void show();
  };
  const offState = controller.onDidChangeState((state) => {
    if (urlOf(state)) shown.clear();
    if (state.kind === "failed") once(state.message, () => showFailure(state, settings));
  });
  const offCliProblem = controller.onDidCheckCli((problem) => {
    if (problem) once(problem.code, () => showCliProblem(problem));
  });
  return vscode.Disposable.from({ dispose: offState }, { dispose: offCliProblem });
}

async function showFailure(state: State & { kind: "failed" }, settings: Settings): Promise<void> {
  const settingsAction = vscode.l10n.t("Open Settings");
  if (state.portTaken === undefined) {
    const choice = await vscode.window.showErrorMessage(
      vscode.l10n.t("Claude Virtual API could not start: {0}", failureText(state)),
      settingsAction,
    );
    if (choice === settingsAction) await showSetting("");
    return;
  }
  const useAnother = vscode.l10n.t("Use Another Port");
  const choice = await vscode.window.showWarningMessage(failureText(state), useAnother, settingsAction);
  if (choice === useAnother) await settings.update(Setting.port, await freePort(state.portTaken + 1));
  if (choice === settingsAction) await showSetting(Setting.port);
}

async function showCliProblem(problem: CliProblem): Promise<void> {
  const { code } = problem;
  const signIn = vscode.l10n.t("Sign In");
  const install = vscode.l10n.t("Install Claude Code");
  const setPath = vscode.l10n.t("Set Path");
  // another CLI would fail in this environment, or under these managed settings, as well
  const isOfMachine = code === "cli_environment" || code === "cli_forbidden";
  const found = isOfMachine ? [] : [setPath, install];
  const others = code === "cli_missing" ? [install, setPath] : found;
  const remedies = code === "cli_not_signed_in" ? [signIn] : others;
  const choice = await vscode.window.showWarningMessage(describeProblem(problem), ...remedies);
  if (choice === signIn) await vscode.commands.executeCommand(Command.signIn);
  if (choice === install) await vscode.env.openExternal(vscode.Uri.parse(INSTALL_PAGE));
  if (choice === setPath) await showSetting(Setting.claudePath);
}

async function showSetting(name: string): Promise<void> {
  await openSettings(`${SECTION}.${name}`);
}

function freePort(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(freePort(port < 65_535 ? port + 1 : 1024)));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(port)));
  });
}
