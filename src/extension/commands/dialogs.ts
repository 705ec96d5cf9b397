import * as vscode from "vscode";

/** Asks whether something is to be deleted; `detail` says what else that means. */
export async function confirm(question: string, detail: string): Promise<boolean> {
  const yes = vscode.l10n.t("Delete");
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) === yes;
}

/** Does something under a notification with a button that aborts the signal; that it was aborted is no failure then. */
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
