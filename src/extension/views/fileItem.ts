import * as vscode from "vscode";
import type { UploadedFile } from "../../client.ts";
import { Command, ItemKind } from "../contributions.ts";
import { oneLine } from "../texts.ts";
import { formatFullTime, formatSize, formatTime, markdownLines } from "./format.ts";

export function describeFile({ size_bytes, created_at }: UploadedFile): string {
  return `${formatSize(size_bytes)} · ${formatTime(created_at)}`;
}

export function toFileItem(file: UploadedFile): vscode.TreeItem {
  const description = describeFile(file);
  const item = new vscode.TreeItem(oneLine(file.filename));
  item.id = file.id;
  item.description = description;
  // the name gives the icon of the user's theme; our own scheme keeps other extensions' decorations away
  item.resourceUri = vscode.Uri.from({ scheme: "claude-virtual-api", path: `/${file.filename}` });
  item.iconPath = vscode.ThemeIcon.File;
  item.contextValue = ItemKind.file;
  item.tooltip = tooltip(file);
  item.accessibilityInformation = {
    label: vscode.l10n.t("File {0}, {1}, {2}", oneLine(file.filename), description, file.id),
  };
  item.command = { command: Command.openFile, title: vscode.l10n.t("Open File"), arguments: [{ entry: file }] };
  return item;
}

function tooltip(file: UploadedFile): vscode.MarkdownString {
  return markdownLines([
    file.filename,
    file.id,
    `${file.mime_type} · ${formatSize(file.size_bytes)}`,
    vscode.l10n.t("Created: {0}", formatFullTime(file.created_at)),
    ...(file.expires_at ? [vscode.l10n.t("Expires: {0}", formatFullTime(file.expires_at))] : []),
  ]);
}
