import * as vscode from "vscode";
import type { Batch } from "../../client.ts";
import { Command, ItemKind } from "../contributions.ts";
import type { RunningBatch } from "../probe.ts";
import { pauseReason } from "../texts.ts";
import { formatClock, formatDay, formatFullTime, formatTime, isToday, markdownLines } from "./format.ts";

export interface BatchPresentation {
  label: string;
  progress: string;
  icon: string;
  /** Id of a theme color; empty for the default. */
  color: string;
  kind: (typeof ItemKind)[keyof typeof ItemKind];
}

/** Presents a batch; `running` is its progress, known while it runs. */
export function presentBatch(batch: Batch, running: RunningBatch | undefined): BatchPresentation {
  const label = formatTime(batch.created_at);
  switch (batch.processing_status) {
    case "ended":
      return { label, ...presentEnd(batch) };
    case "canceling":
      return {
        label,
        progress: vscode.l10n.t("canceling"),
        icon: "sync~spin",
        color: "",
        kind: ItemKind.cancelingBatch,
      };
    default:
      return {
        label,
        progress: progressOf(batch, running),
        icon: running?.paused ? "debug-pause" : "sync~spin",
        color: running?.paused ? "list.warningForeground" : "",
        kind: ItemKind.runningBatch,
      };
  }
}

/** The progress of all running batches, for the status bar; empty if there are none. */
export function describeRunning(running: readonly RunningBatch[]): string {
  const sum = (count: (batch: RunningBatch) => number) => running.reduce((total, batch) => total + count(batch), 0);
  const [done, total] = [sum((batch) => batch.done), sum((batch) => batch.total)];
  if (running.length === 0) return "";
  return running.length === 1
    ? vscode.l10n.t("1 batch: {0} of {1}", done, total)
    : vscode.l10n.t("{0} batches: {1} of {2}", running.length, done, total);
}

/** Until when and why batches are paused, for the status bar; empty if they are not. A pause applies to all batches. */
export function describePause(running: readonly RunningBatch[]): string {
  const paused = running.find((batch) => batch.paused)?.paused;
  if (!paused) return "";
  const { until } = paused;
  const reason = pauseReason(paused);
  return isToday(until)
    ? vscode.l10n.t("Paused until {0}: {1}", formatTime(until), reason)
    : vscode.l10n.t("Paused until {0}, {1}: {2}", formatDay(until), formatClock(until), reason);
}

export function toBatchItem(batch: Batch, running: RunningBatch | undefined): vscode.TreeItem {
  const { label, progress, icon, color, kind } = presentBatch(batch, running);
  const item = new vscode.TreeItem(label);
  item.id = batch.id;
  item.description = progress;
  item.iconPath = new vscode.ThemeIcon(icon, color ? new vscode.ThemeColor(color) : undefined);
  item.contextValue = kind;
  item.tooltip = tooltip(batch, progress);
  item.accessibilityInformation = { label: vscode.l10n.t("Batch, {0}, {1}, {2}", label, progress, batch.id) };
  if (kind === ItemKind.endedBatch) {
    item.command = {
      command: Command.openResults,
      title: vscode.l10n.t("Open Results"),
      arguments: [{ entry: batch }],
    };
  }
  return item;
}

function progressOf({ request_counts }: Batch, running: RunningBatch | undefined): string {
  if (!running) {
    const { processing } = request_counts;
    return processing === 1
      ? vscode.l10n.t("in progress · 1 request")
      : vscode.l10n.t("in progress · {0} requests", processing);
  }
  const progress = vscode.l10n.t("{0} of {1}", running.done, running.total);
  if (!running.paused) return progress;
  const { until } = running.paused;
  const reason = pauseReason(running.paused);
  return isToday(until)
    ? vscode.l10n.t("{0} · paused until {1}: {2}", progress, formatTime(until), reason)
    : vscode.l10n.t("{0} · paused until {1}, {2}: {3}", progress, formatDay(until), formatClock(until), reason);
}

function presentEnd(batch: Batch): Omit<BatchPresentation, "label"> {
  const { succeeded, errored, canceled, expired } = batch.request_counts;
  const counts = countsOf(batch);
  if (batch.archived_at !== null) {
    return {
      progress: vscode.l10n.t("{0} · results archived", counts),
      icon: "archive",
      color: "",
      kind: ItemKind.archivedBatch,
    };
  }
  const end = { progress: counts, kind: ItemKind.endedBatch };
  if (errored + expired > 0) {
    return succeeded > 0
      ? { ...end, icon: "warning", color: "list.warningForeground" }
      : { ...end, icon: "error", color: "list.errorForeground" };
  }
  if (canceled > 0) return { ...end, icon: "circle-slash", color: "" };
  return { ...end, icon: "pass", color: "testing.iconPassed" };
}

/** The outcomes with a count above 0, such as `198 succeeded, 2 errored`. */
function countsOf({ request_counts: { succeeded, errored, canceled, expired } }: Batch): string {
  const parts = [
    { count: succeeded, one: vscode.l10n.t("1 succeeded"), many: vscode.l10n.t("{0} succeeded", succeeded) },
    { count: errored, one: vscode.l10n.t("1 errored"), many: vscode.l10n.t("{0} errored", errored) },
    { count: canceled, one: vscode.l10n.t("1 canceled"), many: vscode.l10n.t("{0} canceled", canceled) },
    { count: expired, one: vscode.l10n.t("1 expired"), many: vscode.l10n.t("{0} expired", expired) },
  ];
  return parts
    .filter(({ count }) => count > 0)
    .map(({ count, one, many }) => (count === 1 ? one : many))
    .join(", ");
}

function tooltip(batch: Batch, progress: string): vscode.MarkdownString {
  const { created_at, cancel_initiated_at, ended_at, archived_at } = batch;
  const expires_at = ended_at === null ? batch.expires_at : null;
  return markdownLines([
    progress,
    batch.id,
    vscode.l10n.t("Created: {0}", formatFullTime(created_at)),
    ...(cancel_initiated_at ? [vscode.l10n.t("Canceled: {0}", formatFullTime(cancel_initiated_at))] : []),
    ...(ended_at ? [vscode.l10n.t("Ended: {0}", formatFullTime(ended_at))] : []),
    ...(expires_at ? [vscode.l10n.t("Expires: {0}", formatFullTime(expires_at))] : []),
    ...(archived_at ? [vscode.l10n.t("Archived: {0}", formatFullTime(archived_at))] : []),
  ]);
}
