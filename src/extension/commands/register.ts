import * as vscode from "vscode";
import type { DoctorReport } from "../../server.ts";
import { openWalkthrough } from "../contextKeys.ts";
import { Command, View } from "../contributions.ts";
import type { Controller } from "../controller.ts";
import type { ServerClient } from "../serverClient.ts";
import type { Settings } from "../settings.ts";
import { errorMessage } from "../texts.ts";
import type { BatchesView } from "../views/batches.ts";
import type { FilesView } from "../views/files.ts";
import { cancelBatch, copyBatchId, deleteBatch, openResults } from "./batches.ts";
import { copyCurl, copyEnvironment, copyUrl } from "./copy.ts";
import { copyFileId, deleteFile, openFile, revealFile, uploadFile } from "./files.ts";
import { chooseModel, createApiKey, setApiKey } from "./preferences.ts";
import { askAboutSelection, sendSelection } from "./selection.ts";
import { runSelfCheck } from "./selfCheck.ts";
import { signIn } from "./signIn.ts";

export interface Parts {
  controller: Controller;
  serverClient: ServerClient;
  settings: Settings;
  channel: vscode.LogOutputChannel;
  /** Runs doctor. Rejects if there is no usable CLI. */
  runDoctor: () => Promise<DoctorReport>;
  views: { batches: BatchesView; files: FilesView };
}

/** Registers the commands of package.json. A command that fails shows why. */
export function registerCommands(parts: Parts): vscode.Disposable {
  const { controller, channel, views } = parts;
  const handlers: Record<keyof typeof Command, (argument: unknown) => Promise<unknown> | undefined> = {
    start: () => controller.start(),
    stop: () => controller.stop(),
    restart: () => controller.restart(),
    toggle: () => controller.toggle(),
    sendSelection: () => sendSelection(parts),
    askAboutSelection: () => askAboutSelection(parts),
    copyUrl: () => copyUrl(parts),
    copyEnvironment: () => copyEnvironment(parts),
    copyCurl: () => copyCurl(parts),
    signIn: () => signIn(parts),
    chooseModel: () => chooseModel(parts),
    createApiKey: () => createApiKey(parts),
    setApiKey: () => setApiKey(parts),
    showLog: async () => channel.show(),
    runSelfCheck: () => runSelfCheck(parts),
    refreshBatches: async () => views.batches.list.refresh(),
    openResults: (argument) => openResults(parts, argument),
    cancelBatch: (argument) => cancelBatch(parts, argument),
    deleteBatch: (argument) => deleteBatch(parts, argument),
    copyBatchId: (argument) => copyBatchId(parts, argument),
    refreshFiles: async () => views.files.list.refresh(),
    uploadFile: () => uploadFile(parts),
    openFile: (argument) => openFile(parts, argument),
    revealFile: (argument) => revealFile(parts, argument),
    copyFileId: (argument) => copyFileId(parts, argument),
    deleteFile: (argument) => deleteFile(parts, argument),
    loadMore: (view) => (view === View.files ? views.files : views.batches).list.loadMore(),
    openWalkthrough: () => openWalkthrough(controller),
  };
  const registrations = Object.entries(handlers).map(([name, handler]) =>
    vscode.commands.registerCommand(Command[name as keyof typeof Command], (argument: unknown) =>
      handler(argument)?.catch(showError),
    ),
  );
  return vscode.Disposable.from(...registrations);
}

function showError(error: Error): void {
  void vscode.window.showErrorMessage(vscode.l10n.t("Claude Virtual API: {0}", errorMessage(error)));
}
