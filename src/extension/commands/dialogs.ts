import * as vscode from "vscode";

/** Asks the user to confirm a deletion; `detail` names its consequences. */
export async function confirm(question: string, detail: string): Promise<boolean> {
  const yes = vscode.l10n.t("Delete");
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) === yes;
}

/** Runs a task under a progress notification whose button aborts the signal. An aborted task does not reject. */
export async function withCancel(
  title: string,
  task: (signal: AbortSignal, report: (message: string) => void) => Promise<void>,
): Promise<void> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  await vscode.window.withProgress(options, async (progress, cancelled) => {
    const { signal, abort } = abortable();
    const subscription = cancelled.onCancellationRequested(abort);
    try {
      await task(signal, (message) => progress.report({ message }));
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      subscription.dispose();
    }
  });
}

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
