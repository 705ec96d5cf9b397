import * as vscode from "vscode";
import type { CliProblem } from "../server.ts";
import type { BatchWatch } from "./batchWatch.ts";
import { setContextKeys } from "./contextKeys.ts";
import { Command, STATUS_ITEM, View } from "./contributions.ts";
import type { Controller } from "./controller.ts";
import { SETTINGS_COMMANDS, settingsCommand } from "./openSettings.ts";
import type { State } from "./state.ts";
import { describeProblem, failureText } from "./texts.ts";
import { describePause, describeRunning } from "./views/batchItem.ts";
import { markdownLines } from "./views/format.ts";

/** VS Code's command that shows the view. */
const SHOW_BATCHES = `${View.batches}.focus`;

interface Presentation {
  text: string;
  summary: string;
  isFailure: boolean;
  /** True if the server runs but requests will fail. */
  isWarning?: boolean;
}

export function present(state: State, problem?: CliProblem): Presentation {
  const name = "Claude API";
  switch (state.kind) {
    case "stopped":
      return { text: `$(circle-slash) ${name}`, summary: vscode.l10n.t("Stopped. Click to start."), isFailure: false };
    case "starting":
      return { text: `$(sync~spin) ${name}`, summary: vscode.l10n.t("Starting…"), isFailure: false };
    case "running":
      return {
        text: `$(${problem ? "warning" : "radio-tower"}) ${name} ${portOf(state.url)}${busy(state.requests)}`,
        summary: vscode.l10n.t("Running at {0}. Click to stop.", state.url),
        isFailure: false,
        ...(problem && { isWarning: true }),
      };
    case "shared":
      return {
        text: `$(link) ${name} ${portOf(state.url)}${busy(state.requests)}`,
        summary: vscode.l10n.t("Shared: another window runs the server at {0}.", state.url),
        isFailure: false,
      };
    case "failed":
      return {
        text: `$(error) ${name}`,
        summary: vscode.l10n.t("Failed: {0}", failureText(state)),
        isFailure: true,
      };
  }
}

/** The status bar item; a click toggles the server. */
export function createStatusBar(
  controller: Pick<Controller, "state" | "cliState" | "cliProblem" | "onDidChangeState" | "onDidCheckCli">,
  watch: Pick<BatchWatch, "running" | "onDidChange">,
): vscode.Disposable {
  const item = vscode.window.createStatusBarItem(STATUS_ITEM, vscode.StatusBarAlignment.Right, 100);
  item.name = "Claude Virtual API";
  item.command = Command.toggle;
  const show = (state: State) => {
    const { cliProblem } = controller;
    const { text, summary, isFailure, isWarning } = present(state, cliProblem);
    const warning = cliProblem ? describeProblem(cliProblem) : "";
    const batches = describeRunning(watch.running);
    const pause = describePause(watch.running);
    item.text = text;
    item.tooltip = tooltip({ summary, warning, batches, pause }, linksFor(state, cliProblem));
    item.backgroundColor = background(isFailure, isWarning);
    const parts = [summary, warning, batches, pause];
    item.accessibilityInformation = {
      label: vscode.l10n.t("Claude Virtual API: {0}", parts.filter((part) => part !== "").join(" ")),
      role: "button",
    };
    void setContextKeys(controller);
  };
  show(controller.state);
  item.show();
  return vscode.Disposable.from(
    item,
    { dispose: controller.onDidChangeState(show) },
    { dispose: controller.onDidCheckCli(() => show(controller.state)) },
    { dispose: watch.onDidChange(() => show(controller.state)) },
  );
}

function background(isFailure: boolean, isWarning = false): vscode.ThemeColor | undefined {
  if (isFailure) return new vscode.ThemeColor("statusBarItem.errorBackground");
  return isWarning ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
}

function linksFor({ kind }: State, problem: CliProblem | undefined): [label: string, target: string][] {
  const settings = `command:${settingsCommand()}?${encodeURIComponent(JSON.stringify([{ query: "@ext:claude-virtual-api.claude-virtual-api" }]))}`;
  const signIn: [string, string] = [vscode.l10n.t("Sign In"), `command:${Command.signIn}`];
  const start: [string, string] = [vscode.l10n.t("Start"), `command:${Command.start}`];
  const restart: [string, string] = [vscode.l10n.t("Restart"), `command:${Command.restart}`];
  return [
    ...(problem?.code === "cli_not_signed_in" ? [signIn] : []),
    [vscode.l10n.t("Copy URL"), `command:${Command.copyUrl}`],
    [vscode.l10n.t("Copy environment variables"), `command:${Command.copyEnvironment}`],
    [vscode.l10n.t("Send selection"), `command:${Command.sendSelection}`],
    [vscode.l10n.t("Show log"), `command:${Command.showLog}`],
    kind === "stopped" ? start : restart,
    [vscode.l10n.t("Settings"), settings],
  ];
}

interface TooltipTexts {
  summary: string;
  /** What is wrong with the CLI, or empty. */
  warning: string;
  batches: string;
  pause: string;
}

function tooltip(texts: TooltipTexts, links: [label: string, target: string][]): vscode.MarkdownString {
  const { summary, warning, batches, pause } = texts;
  const markdown = new vscode.MarkdownString(`**Claude Virtual API**\n\n`);
  markdown.appendText(summary);
  // the warning and the reason of a pause hold external text, which must not add command links
  if (warning) markdown.appendMarkdown(`\n\n${markdownLines([warning]).value}`);
  if (batches) markdown.appendMarkdown(`\n\n[${batches}](command:${SHOW_BATCHES})`);
  if (pause) markdown.appendMarkdown(`\n\n${markdownLines([pause]).value}`);
  markdown.appendMarkdown(`\n\n${links.map(([label, target]) => `[${label}](${target})`).join(" · ")}`);
  markdown.isTrusted = { enabledCommands: [...Object.values(Command), SHOW_BATCHES, ...SETTINGS_COMMANDS] };
  return markdown;
}

function portOf(url: string): string {
  return `:${new URL(url).port}`;
}

function busy(requests: number): string {
  return requests > 0 ? ` (${requests})` : "";
}
