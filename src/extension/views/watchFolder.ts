import { join } from "node:path";
import * as vscode from "vscode";

/** Calls back when an entry of this folder comes or goes: whoever made or deleted it over HTTP, it happens here. */
export function watchFolder(dataDir: string, name: string, listener: () => void): vscode.Disposable {
  const pattern = new vscode.RelativePattern(vscode.Uri.file(join(dataDir, name)), "*");
  const watcher = vscode.workspace.createFileSystemWatcher(pattern, false, true, false);
  return vscode.Disposable.from(watcher, watcher.onDidCreate(listener), watcher.onDidDelete(listener));
}
