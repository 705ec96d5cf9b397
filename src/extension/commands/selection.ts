import * as vscode from "vscode";
import { type AnswerSink, openSink } from "./answer.ts";
import { withCancel } from "./dialogs.ts";
import type { Parts } from "./register.ts";

/** Limit for the answer to a selection. */
const MAX_ANSWER_TOKENS = 8192;

export async function sendSelection(parts: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor || isEmpty(editor)) return showNothingSelected();
  await answer(parts, editor, promptFor(editor));
}

/** Asks the user for an instruction and sends it with the selection. */
export async function askAboutSelection(parts: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor || isEmpty(editor)) return showNothingSelected();
  const instruction = await vscode.window.showInputBox({
    title: vscode.l10n.t("Ask about the selection"),
    placeHolder: vscode.l10n.t("Explain this, find the bug, translate it…"),
    ignoreFocusOut: true,
  });
  if (instruction) await answer(parts, editor, `${instruction}\n\n${promptFor(editor)}`);
}

/** Builds the prompt: the name of the file, then each selection in a code fence. */
export function promptFor({ document, selections }: vscode.TextEditor): string {
  const name = vscode.workspace.asRelativePath(document.uri);
  const texts = selections.filter((selection) => !selection.isEmpty).map((selection) => document.getText(selection));
  const blocks = texts.map((text) => {
    // a fence must be longer than any fence inside it
    const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
    const fence = "`".repeat(longest + 1);
    return `${fence}${document.languageId}\n${text}\n${fence}`;
  });
  return `${name} (${document.languageId}):\n\n${blocks.join("\n\n")}`;
}

async function answer(
  { serverClient, settings, channel }: Parts,
  editor: vscode.TextEditor,
  prompt: string,
): Promise<void> {
  const title = vscode.l10n.t("Claude is answering");
  await withCancel(title, async (signal) => {
    let sink: AnswerSink | undefined;
    for await (const text of serverClient.messageStream(prompt, { max_tokens: MAX_ANSWER_TOKENS, signal })) {
      sink ??= await openSink(settings.selectionTarget, editor, channel);
      await sink.write(text);
    }
    await sink?.end();
  });
}

function isEmpty(editor: vscode.TextEditor): boolean {
  return editor.selections.every((selection) => selection.isEmpty);
}

async function showNothingSelected(): Promise<void> {
  await vscode.window.showInformationMessage(vscode.l10n.t("Select some text in an editor first."));
}
