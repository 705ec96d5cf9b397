import * as vscode from "vscode";

/** Milliseconds between two looks at the date: a timer to midnight would be late after a computer's sleep. */
const INTERVAL = 60_000;

/** Calls back when today is another day than before. */
export function onNewDay(listener: () => void): vscode.Disposable {
  let day = new Date().toDateString();
  const timer = setInterval(() => {
    const today = new Date().toDateString();
    if (today === day) return;
    day = today;
    listener();
  }, INTERVAL).unref();
  return new vscode.Disposable(() => clearInterval(timer));
}
