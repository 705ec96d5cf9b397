import { join } from "node:path";
import * as vscode from "vscode";

/** Calls back when an entry of this folder is created or deleted, by any server or client. */
export function watchFolder(dataDir: string, name: string, listener: () => void): vscode.Disposable {
  const pattern = new vscode.RelativePattern(vscode.Uri.file(join(dataDir, name)), "*");
  const watcher = vscode.workspace.createFileSystemWatcher(pattern, false, true, false);
  return vscode.Disposable.from(watcher, watcher.onDidCreate(listener), watcher.onDidDelete(listener));
}
