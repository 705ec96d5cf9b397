import * as vscode from "vscode";
import type { MessageTexts } from "./messageText.ts";

/** Reasons and names inside other messages. */
export const partTexts = {
  api: () => vscode.l10n.t("the API"),
  api_through_proxy: (values) => vscode.l10n.t("{api}, reached through the proxy {proxy},", values),
  directory_disk_full: () => vscode.l10n.t("which is on a full disk"),
  directory_missing: () => vscode.l10n.t("which does not exist and cannot be created"),
  directory_not_a_directory: () => vscode.l10n.t("which is not a directory"),
  directory_quota_used_up: () => vscode.l10n.t("for which the disk quota is used up"),
  directory_read_only: () => vscode.l10n.t("which is on a read-only disk"),
  directory_write_denied: () => vscode.l10n.t("which this user may not write to"),
  file_missing: () => vscode.l10n.t("no such file"),
  file_not_executable: () => vscode.l10n.t("it is not executable"),
  link_broken: () => vscode.l10n.t("it is a link to a file that does not exist"),
  managed_carrier: (values) => vscode.l10n.t("they set {name}, which this server needs to send requests", values),
  node_missing: () => vscode.l10n.t("it needs node.exe, which is not on the PATH"),
  not_a_file: () => vscode.l10n.t("it is not a file"),
  process_files: () => vscode.l10n.t("the server has too many open files"),
  proxy: () => vscode.l10n.t("The proxy"),
  proxy_at: (values) => vscode.l10n.t("The proxy {proxy} (set by HTTPS_PROXY or http.proxy)", values),
  shim_without_program: () => vscode.l10n.t("the shim does not name a program"),
  system_files: () => vscode.l10n.t("the system has too many open files"),
  system_memory: () => vscode.l10n.t("the system is out of memory"),
  system_processes: () => vscode.l10n.t("the system has too many processes"),
  version_failed: (values) => vscode.l10n.t("'--version' failed ({how}){words}", values),
  version_late: (values) => vscode.l10n.t("'--version' did not end within {seconds} s", values),
  version_not_named: () => vscode.l10n.t("'--version' does not name Claude Code"),
} satisfies MessageTexts;
