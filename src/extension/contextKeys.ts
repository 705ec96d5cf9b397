import * as vscode from "vscode";
import { CLI_KEY, STATE_KEY, WALKTHROUGH } from "./contributions.ts";
import type { Controller } from "./controller.ts";

export type ContextSource = Pick<Controller, "state" | "cliState">;

/** Sets the keys for `when` clauses and walkthrough steps. */
export async function setContextKeys({ state, cliState }: ContextSource): Promise<void> {
  await Promise.all([setContext(STATE_KEY, state.kind), setContext(CLI_KEY, cliState)]);
}

/**
 * Opens the walkthrough. VS Code completes a step when its key becomes true, but only after a walkthrough was opened; a key that
 * was true before is ignored. So the keys are cleared, and set again after that.
 */
export async function openWalkthrough(controller: ContextSource): Promise<void> {
  await Promise.all([setContext(STATE_KEY, undefined), setContext(CLI_KEY, undefined)]);
  try {
    await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH);
  } finally {
    await setContextKeys(controller);
  }
}

async function setContext(key: string, value: string | undefined): Promise<void> {
  await vscode.commands.executeCommand("setContext", key, value);
}
