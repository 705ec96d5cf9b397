import * as vscode from "vscode";
import type { MessageTexts } from "./messageText.ts";

/** Failures of the server and of what it stores. */
export const serverTexts = {
  batch_running: (values) =>
    vscode.l10n.t("Batch {id} is still being processed. Cancel it, and delete it once it has ended.", values),
  data_directory_in_use: (values) =>
    vscode.l10n.t(
      "The data directory {path} is in use by another server (process {pid}). Send the request to that server.",
      values,
    ),
  data_directory_newer: (values) =>
    vscode.l10n.t("{path} was written by a later version (format {format}). Update Claude Virtual API.", values),
  data_directory_not_private: (values) =>
    vscode.l10n.t("Other users can write to {path}, which also holds unrelated files. Restrict access to it.", values),
  data_directory_unusable: (values) =>
    vscode.l10n.t("The data directory is '{path}', {reason}. Make it writable for this user.", values),
  data_file_unreadable: (values) => vscode.l10n.t("{path} cannot be read. Repair or delete the file.", values),
  disk_full: () => vscode.l10n.t("The disk is full. Nothing was stored; what was stored before is kept."),
  disk_quota_used_up: () =>
    vscode.l10n.t("The disk quota is used up. Nothing was stored; what was stored before is kept."),
  disk_read_only: () =>
    vscode.l10n.t("The data directory is on a read-only disk. Nothing was stored; what was stored before is kept."),
  disk_write_denied: () =>
    vscode.l10n.t(
      "The data directory cannot be written to: permission denied. Nothing was stored; what was stored before is kept.",
    ),
  file_empty: () => vscode.l10n.t("The file is empty. Choose one with content."),
  file_expired: (values) => vscode.l10n.t("File {id} has expired. Upload it again.", values),
  file_name_characters: () =>
    vscode.l10n.t(
      "The name of a file must not contain control characters, double quotes or any of < > : | ? * / \\. Rename the file.",
    ),
  file_name_reserved: (values) => vscode.l10n.t("'{name}' is a reserved file name. Rename the file.", values),
  file_name_too_long: (values) =>
    vscode.l10n.t("The name of a file must have at most {maximum} characters. Rename the file.", values),
  internal_error: () => vscode.l10n.t("Internal server error. See the log."),
  key_required: (values) =>
    vscode.l10n.t("Listening on {host} opens the server to other machines. Create an API key first.", values),
  listen_address_unknown: () => vscode.l10n.t("The address to listen on does not belong to this machine."),
  listen_denied: () => vscode.l10n.t("This user may not listen on the port. Choose a port above 1023."),
  overloaded: (values) => vscode.l10n.t("{waiting} requests are waiting already. Try again in a moment.", values),
  path_of_other_user: (values) =>
    vscode.l10n.t("{path} belongs to another user (uid {uid}). Make this user its owner.", values),
  port_in_use: (values) =>
    vscode.l10n.t(
      "Port {port} is used by another program, so Claude Virtual API could not start. Choose another port.",
      values,
    ),
  port_in_use_by_unproven_server: (values) =>
    vscode.l10n.t(
      "Port {port} is used by a Claude Virtual API server that does not belong to this VS Code, so nothing is sent to it. Stop that server, or choose another port.",
      values,
    ),
  request_timed_out: (values) =>
    vscode.l10n.t(
      "The request exceeded the timeout of {seconds} s. Raise claudeVirtualApi.requestTimeout to allow more.",
      values,
    ),
  results_archived: (values) => vscode.l10n.t("The results of batch {id} were archived on {time}.", values),
  results_pending: (values) =>
    vscode.l10n.t("The results of batch {id} are available once its processing has ended.", values),
  server_shutting_down: () => vscode.l10n.t("The server is shutting down."),
  server_stopped: () => vscode.l10n.t("The server was stopped."),
  storage_quota_exceeded: (values) =>
    vscode.l10n.t(
      "The storage quota of {gigabytes} GB is used up. Delete files or batches, or raise claudeVirtualApi.storageQuota.",
      values,
    ),
  storage_unreadable: (values) => vscode.l10n.t("The data directory cannot be read: {reason}", values),
  storage_unwritable: (values) =>
    vscode.l10n.t(
      "The data directory cannot be written to: {reason}. Nothing was stored; what was stored before is kept.",
      values,
    ),
  too_many_open_files: () => vscode.l10n.t("Too many files and connections are open. Try again in a moment."),
} satisfies MessageTexts;
