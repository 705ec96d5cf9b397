import { openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import { isMissing } from "../../api/systemErrors.ts";
import type { UploadedFile } from "../../client.ts";
import { urlOf } from "../state.ts";
import { errorMessage, plain } from "../texts.ts";
import { copy } from "./copy.ts";
import { confirm, withCancel } from "./dialogs.ts";
import type { Parts } from "./register.ts";

export async function uploadFile({ serverClient, views }: Parts): Promise<void> {
  const openLabel = vscode.l10n.t("Upload");
  const title = vscode.l10n.t("Upload to Claude Virtual API");
  const uris = await vscode.window.showOpenDialog({ canSelectMany: true, openLabel, title });
  if (!uris) return;
  await withCancel(vscode.l10n.t("Uploading"), async (signal, report) => {
    const client = await serverClient.client();
    for (const uri of uris) {
      const name = basename(uri.path);
      report(plain(name));
      try {
        void showUploaded(await client.uploadFile(await open(uri, name), signal));
      } catch (error) {
        throw new Error(vscode.l10n.t("{0}: {1}", name, errorMessage(error as Error)), { cause: error });
      } finally {
        views.files.list.refresh();
      }
    }
  });
}

/** Opens the stored content, read-only. */
export async function openFile(parts: Parts, argument: unknown): Promise<void> {
  const uri = await contentOf(parts, argument);
  if (!uri) return;
  await vscode.commands.executeCommand("vscode.open", uri);
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputText && input.uri.toString() === uri.toString()) {
    await vscode.commands.executeCommand("workbench.action.files.setActiveEditorReadonlyInSession");
  }
}

/** Shows the stored content in the file manager; in a remote window, shows its path instead. */
export async function revealFile(parts: Parts, argument: unknown): Promise<void> {
  const uri = await contentOf(parts, argument);
  if (!uri) return;
  const isHere = vscode.env.uiKind === vscode.UIKind.Desktop && vscode.env.remoteName === undefined;
  if (isHere) {
    await vscode.commands.executeCommand("revealFileInOS", uri);
    return;
  }
  const copyPath = vscode.l10n.t("Copy Path");
  const text = vscode.l10n.t("On the server's machine, the file is at {0}", uri.fsPath);
  if ((await vscode.window.showInformationMessage(text, copyPath)) === copyPath) await copy(uri.fsPath);
}

export async function copyFileId({ views }: Parts, argument: unknown): Promise<void> {
  const file = views.files.list.entryOf(argument);
  if (file) await copy(file.id);
}

export async function deleteFile({ serverClient, views }: Parts, argument: unknown): Promise<void> {
  const { list } = views.files;
  const file = list.entryOf(argument);
  if (!file) return;
  const detail = vscode.l10n.t("Requests that use its ID {0} will fail.", file.id);
  if (!(await confirm(vscode.l10n.t("Delete the uploaded file {0}?", plain(file.filename)), detail))) return;
  await (await serverClient.client()).deleteFile(file.id);
  list.remove(file.id);
}

/** Opens a file for streaming; a file in a virtual workspace is read into memory first. */
async function open(uri: vscode.Uri, name: string): Promise<File> {
  const content =
    uri.scheme === "file" ? await openAsBlob(uri.fsPath) : new Uint8Array(await vscode.workspace.fs.readFile(uri));
  return new File([content], name);
}

async function showUploaded({ id, filename }: UploadedFile): Promise<void> {
  const copyId = vscode.l10n.t("Copy ID");
  const text = vscode.l10n.t("Uploaded {0}. Use its ID in requests: {1}", plain(filename), plain(id));
  if ((await vscode.window.showInformationMessage(text, copyId)) === copyId) await copy(id);
}

/** URI of the stored content; undefined if no file is selected. Throws if the server stores its files elsewhere. */
async function contentOf({ controller, settings, views }: Parts, argument: unknown): Promise<vscode.Uri | undefined> {
  const file = views.files.list.entryOf(argument);
  if (!file) return undefined;
  const folder = join(settings.dataDir, "files", basename(file.id));
  const names = await readdir(folder).catch((error): string[] => {
    if (isMissing(error)) return [];
    throw error;
  });
  const name = names.find((candidate) => /^content(\.|$)/.test(candidate));
  if (name !== undefined) return vscode.Uri.file(join(folder, name));
  throw new Error(
    vscode.l10n.t(
      "{0} cannot be opened here: the server at {1} stores its files in another directory.",
      file.filename,
      urlOf(controller.state) ?? "",
    ),
  );
}
