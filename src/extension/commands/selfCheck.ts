import * as vscode from "vscode";
import type { DoctorReport } from "../../server.ts";
import { messageText } from "../messageText.ts";
import { plain } from "../texts.ts";
import { withCancel } from "./dialogs.ts";
import type { Parts } from "./register.ts";

type DoctorNote = DoctorReport["notes"][number];

/** Runs doctor: checks the installed CLI for everything the server relies on. The log gets every note. */
export async function runSelfCheck({ runDoctor, channel }: Parts): Promise<void> {
  await withCancel(vscode.l10n.t("Checking Claude Code"), async (signal) => {
    const report = await runDoctor();
    for (const note of report.notes) {
      if (note.isProblem) channel.warn(`✗ ${noteText(note)}`);
      else channel.info(noteText(note));
    }
    if (signal.aborted) return;
    // not awaited, because the check is over while the notification still shows
    void showOutcome(report, channel);
  });
}

async function showOutcome({ notes, isChecked }: DoctorReport, channel: vscode.LogOutputChannel): Promise<void> {
  const showLog = vscode.l10n.t("Show Log");
  const problems = notes.filter(({ isProblem }) => isProblem).map(noteText);
  const choice =
    problems.length === 0
      ? await vscode.window.showInformationMessage(
          isChecked
            ? vscode.l10n.t("Claude Code passed the self-check.")
            : vscode.l10n.t("Claude Code was found, but the self-check was not run. See the log for the reason."),
          showLog,
        )
      : await vscode.window.showWarningMessage(
          vscode.l10n.t("The self-check of Claude Code found: {0}", plain(problems.join(vscode.l10n.t("; ")))),
          showLog,
        );
  if (choice === showLog) channel.show();
}

function noteText({ text, descriptor }: DoctorNote): string {
  return messageText(descriptor) ?? text;
}
