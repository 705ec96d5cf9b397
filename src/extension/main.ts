import * as vscode from "vscode";
import type { Server } from "../server.ts";
import { version } from "../shared/version.ts";
import { readOptions } from "./settings.ts";

const PREFIX = "claudeVirtualApi";

/** Starts the server in the background once VS Code is up, and offers the commands that start and stop it. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Claude Virtual API", { log: true });
  const item = vscode.window.createStatusBarItem(`${PREFIX}.status`, vscode.StatusBarAlignment.Right, 100);
  let running: Promise<Server> | undefined;

  const show = (text: string, tooltip: string) => {
    item.text = text;
    item.tooltip = tooltip;
  };
  const start = async () => {
    show("$(sync~spin) Claude API", vscode.l10n.t("Claude Virtual API is starting"));
    running ??= launch(context, log);
    try {
      const { url } = await running;
      show(`$(radio-tower) Claude API :${new URL(url).port}`, vscode.l10n.t("Claude Virtual API listens on {0}", url));
    } catch (error) {
      running = undefined;
      log.error((error as Error).message);
      show("$(error) Claude API", (error as Error).message);
    }
  };
  const stop = async () => {
    const server = await running?.catch(() => undefined);
    running = undefined;
    await server?.close();
    show("$(circle-slash) Claude API", vscode.l10n.t("Claude Virtual API is stopped"));
  };

  item.name = "Claude Virtual API";
  item.command = `${PREFIX}.toggle`;
  item.show();
  context.subscriptions.push(
    log,
    item,
    vscode.commands.registerCommand(`${PREFIX}.start`, start),
    vscode.commands.registerCommand(`${PREFIX}.stop`, stop),
    vscode.commands.registerCommand(`${PREFIX}.toggle`, () => (running ? stop() : start())),
  );
  log.info(`version ${version}`);
  stopServer = stop;
  void start();
}

/** Resolves when the server and its workers are gone. */
export async function deactivate(): Promise<void> {
  await stopServer?.();
}

// VS Code hands `deactivate` nothing of what `activate` made
let stopServer: (() => Promise<void>) | undefined;

async function launch(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<Server> {
  const { createServer } = await import("../server.ts");
  const server = createServer(readOptions(context.globalStorageUri.fsPath), log);
  await server.listen();
  return server;
}
