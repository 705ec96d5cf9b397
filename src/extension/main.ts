import { join } from "node:path";
import type * as vscode from "vscode";
import type { ClaudeVirtualApi } from "./api.ts";
import { BatchWatch } from "./batchWatch.ts";
import { registerCommands } from "./commands/register.ts";
import { Controller } from "./controller.ts";
import { notifyOfProblems } from "./notifications.ts";
import { createOutput } from "./output.ts";
import { prober, secretIn } from "./probe.ts";
import { ServerClient } from "./serverClient.ts";
import { Settings } from "./settings.ts";
import { createStatusBar } from "./statusBar.ts";
import { stopMarker } from "./stopMarker.ts";
import { BatchesView } from "./views/batches.ts";
import { FilesView } from "./views/files.ts";

// VS Code passes nothing from `activate` to `deactivate`
let active: Controller | undefined;

/** Wires the parts. The core is loaded, and the server started, after activation. */
export function activate(context: vscode.ExtensionContext): ClaudeVirtualApi {
  const settings = new Settings(context);
  const { channel, logger } = createOutput();
  const probe = prober(secretIn(settings.dataDir));
  const controller = new Controller({
    options: () => settings.serverOptions(),
    createServer: async (options) => (await import("../server.ts")).createServer(options, logger),
    probe,
    stopMarker: stopMarker(join(context.globalStorageUri.fsPath, "stopped")),
    logger,
  });
  const serverClient = new ServerClient(controller, settings);
  const watch = new BatchWatch(controller, probe);
  const viewParts = { controller, serverClient, dataDir: settings.dataDir };
  const views = { batches: new BatchesView(viewParts, watch), files: new FilesView(viewParts) };
  const runDoctor = async () => (await import("../server.ts")).runDoctor(await settings.serverOptions(), logger);
  active = controller;
  context.subscriptions.push(
    channel,
    createStatusBar(controller, watch),
    views.batches,
    views.files,
    watch,
    notifyOfProblems(controller, settings),
    registerCommands({ controller, serverClient, settings, channel, views, runDoctor }),
    settings.onDidChangeServerSettings(() => {
      if (controller.state.kind !== "stopped") void controller.restart();
    }),
  );
  if (settings.autoStart) setImmediate(() => void controller.start());
  return serverClient.toApi();
}

/** Resolves when the server and its workers have ended. */
export async function deactivate(): Promise<void> {
  await active?.dispose();
}
