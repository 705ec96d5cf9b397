import * as vscode from "vscode";
import type { SelectionTarget } from "../settings.ts";
import { STATUS_MESSAGE_MS } from "./copy.ts";

/** Receives an answer as it streams. */
export interface AnswerSink {
  write(text: string): Promise<void>;
  /** Call it when the answer is complete. */
  end(): Promise<void>;
}

export async function openSink(
  target: SelectionTarget,
  editor: vscode.TextEditor,
  channel: vscode.LogOutputChannel,
): Promise<AnswerSink> {
  switch (target) {
    case "clipboard":
      return collected(async (answer) => {
        await vscode.env.clipboard.writeText(answer);
        vscode.window.setStatusBarMessage(vscode.l10n.t("The answer is in the clipboard"), STATUS_MESSAGE_MS);
      });
    case "replace": {
      const { document, selections } = editor;
      return collected((answer) => replace(document, selections, unfenced(answer)));
    }
    case "output":
      channel.show(true);
      return { write: async (text) => channel.append(text), end: async () => channel.appendLine("") };
    default:
      return documentSink();
  }
}

async function documentSink(): Promise<AnswerSink> {
  const document = await vscode.workspace.openTextDocument({ language: "markdown", content: "" });
  await vscode.window.showTextDocument(document, {
    viewColumn: vscode.ViewColumn.Beside,
    preserveFocus: true,
    preview: false,
  });
  return {
    async write(text) {
      const edit = new vscode.WorkspaceEdit();
      edit.insert(document.uri, document.lineAt(document.lineCount - 1).range.end, text);
      await vscode.workspace.applyEdit(edit);
    },
    end: async () => {},
  };
}

function collected(done: (answer: string) => Promise<void>): AnswerSink {
  let answer = "";
  return {
    async write(text) {
      answer += text;
    },
    end: () => done(answer),
  };
}

async function replace(
  document: vscode.TextDocument,
  selections: readonly vscode.Selection[],
  answer: string,
): Promise<void> {
  const [first, ...others] = selections.filter((selection) => !selection.isEmpty);
  const edit = new vscode.WorkspaceEdit();
  if (first) edit.replace(document.uri, first, answer);
  for (const selection of others) edit.delete(document.uri, selection);
  await vscode.workspace.applyEdit(edit);
}

/** The code of an answer that consists of one fenced block, otherwise the answer. */
export function unfenced(answer: string): string {
  const block = /^\s*(`{3,})[^\n`]*\n([\s\S]*?)\n?\1\s*$/.exec(answer);
  return block && !block[2]?.includes(block[1] as string) ? (block[2] as string) : answer;
}
