import * as vscode from "vscode";
import type { DoctorReport } from "../../server.ts";
import { plain } from "../texts.ts";
import { withCancel } from "./dialogs.ts";
import type { Parts } from "./register.ts";

/** Tries the installed CLI with everything that the server relies on, and tells how that went; the log has it all. */
export async function runSelfCheck({ runDoctor, channel }: Parts): Promise<void> {
  await withCancel(vscode.l10n.t("Checking Claude Code"), async (signal) => {
    const description = await runDoctor();
    const { lines } = description;
    for (const line of lines) {
      if (line.startsWith("✗")) channel.warn(line);
      else channel.info(line);
    }
    if (signal.aborted) return;
    // not awaited, since the check is over however long the user reads
    void tell(description, channel);
  });
}

async function tell({ problems, isChecked }: DoctorReport, channel: vscode.LogOutputChannel): Promise<void> {
  const showLog = vscode.l10n.t("Show Log");
  const choice =
    problems.length === 0
      ? await vscode.window.showInformationMessage(
          isChecked
            ? vscode.l10n.t("Claude Code passed the self-check.")
            : vscode.l10n.t("Claude Code was found, but the self-check was not run. The log says why."),
          showLog,
        )
      : await vscode.window.showWarningMessage(
          vscode.l10n.t("The self-check of Claude Code found: {0}", plain(problems.join("; "))),
          showLog,
        );
  if (choice === showLog) channel.show();
}
