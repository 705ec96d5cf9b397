import * as vscode from "vscode";
import { CLI_KEY, STATE_KEY, WALKTHROUGH } from "./contributions.ts";
import type { Controller } from "./controller.ts";

/** What the context keys are set from. */
export type ContextSource = Pick<Controller, "state" | "cliState">;

/** Sets the keys that `when` clauses and the steps of the walkthrough read. */
export async function setContextKeys({ state, cliState }: ContextSource): Promise<void> {
  await Promise.all([setContext(STATE_KEY, state.kind), setContext(CLI_KEY, cliState)]);
}

/**
 * Opens the walkthrough. VS Code ticks a step when its key becomes true, but knows the steps only once a walkthrough was
 * opened, and never ticks one whose key was true by then. So the keys are set anew after that.
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
