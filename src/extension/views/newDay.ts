import * as vscode from "vscode";

/** Interval between two checks of the date: a timer to midnight would be late after the computer has slept. */
const INTERVAL = 60_000;

/** Calls back when a new day has begun. */
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
