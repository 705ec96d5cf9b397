import * as vscode from "vscode";
import type { BatchWatch } from "./batchWatch.ts";
import { Command, STATE_KEY, STATUS_ITEM, View } from "./contributions.ts";
import type { Controller } from "./controller.ts";
import type { State } from "./state.ts";
import { describePause, describeRunning } from "./views/batchItem.ts";
import { lines } from "./views/format.ts";
import { oneLine } from "./words.ts";

/** VS Code's own command for the view. */
const SHOW_BATCHES = `${View.batches}.focus`;

interface Presentation {
  text: string;
  /** One sentence on what is going on. */
  summary: string;
  isFailure: boolean;
}

/** What the item says in each state. */
export function present(state: State): Presentation {
  const name = "Claude API";
  switch (state.kind) {
    case "stopped":
      return { text: `$(circle-slash) ${name}`, summary: vscode.l10n.t("Stopped. Click to start."), isFailure: false };
    case "starting":
      return { text: `$(sync~spin) ${name}`, summary: vscode.l10n.t("Starting…"), isFailure: false };
    case "running":
      return {
        text: `$(radio-tower) ${name} ${portOf(state.url)}${busy(state.requests)}`,
        summary: vscode.l10n.t("Running at {0}. Click to stop.", state.url),
        isFailure: false,
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
        summary: vscode.l10n.t("Failed: {0}", oneLine(state.message)),
        isFailure: true,
      };
  }
}

/** The one item in the status bar; a click toggles the server. */
export function createStatusBar(
  controller: Pick<Controller, "state" | "onDidChangeState">,
  watch: Pick<BatchWatch, "running" | "onDidChange">,
): vscode.Disposable {
  const item = vscode.window.createStatusBarItem(STATUS_ITEM, vscode.StatusBarAlignment.Right, 100);
  item.name = "Claude Virtual API";
  item.command = Command.toggle;
  const show = (state: State) => {
    const { text, summary, isFailure } = present(state);
    const batches = describeRunning(watch.running);
    const pause = describePause(watch.running);
    item.text = text;
    item.tooltip = tooltip(summary, batches, pause);
    item.backgroundColor = isFailure ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    item.accessibilityInformation = {
      label: ["Claude Virtual API:", summary, batches, pause].filter((part) => part !== "").join(" "),
      role: "button",
    };
    void vscode.commands.executeCommand("setContext", STATE_KEY, state.kind);
  };
  show(controller.state);
  item.show();
  return vscode.Disposable.from(
    item,
    { dispose: controller.onDidChangeState(show) },
    { dispose: watch.onDidChange(() => show(controller.state)) },
  );
}

function tooltip(summary: string, batches: string, pause: string): vscode.MarkdownString {
  const settings = `command:workbench.action.openSettings?${encodeURIComponent(JSON.stringify([`@ext:claude-virtual-api.claude-virtual-api`]))}`;
  const links = [
    [vscode.l10n.t("Copy URL"), `command:${Command.copyUrl}`],
    [vscode.l10n.t("Copy environment variables"), `command:${Command.copyEnvironment}`],
    [vscode.l10n.t("Send selection"), `command:${Command.sendSelection}`],
    [vscode.l10n.t("Show log"), `command:${Command.showLog}`],
    [vscode.l10n.t("Restart"), `command:${Command.restart}`],
    [vscode.l10n.t("Settings"), settings],
  ].map(([label, target]) => `[${label}](${target})`);
  const markdown = new vscode.MarkdownString(`**Claude Virtual API**\n\n`);
  markdown.appendText(summary);
  if (batches) markdown.appendMarkdown(`\n\n[${batches}](command:${SHOW_BATCHES})`);
  // the reason is upstream's, and may not bring commands of its own
  if (pause) markdown.appendMarkdown(`\n\n${lines([pause]).value}`);
  markdown.appendMarkdown(`\n\n${links.join(" · ")}`);
  markdown.isTrusted = { enabledCommands: [...Object.values(Command), SHOW_BATCHES, "workbench.action.openSettings"] };
  return markdown;
}

function portOf(url: string): string {
  return `:${new URL(url).port}`;
}

function busy(requests: number): string {
  return requests > 0 ? ` (${requests})` : "";
}
