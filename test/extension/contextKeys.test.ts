import { expect, it, vi } from "vitest";
import { commands } from "vscode";
import { openWalkthrough } from "../../src/extension/contextKeys.ts";
import type { State } from "../../src/extension/state.ts";

it("sets the keys of the walkthrough's steps again once it is open", async () => {
  const controller = { state: { kind: "starting" } as State, cliState: "unknown" as "unknown" | "ready" };
  const keys: Record<string, unknown> = { "claudeVirtualApi.state": "starting" };
  let atOpening = {};
  const execute = vi.spyOn(commands, "executeCommand").mockImplementation(async (command, ...args) => {
    if (command === "setContext") keys[args[0] as string] = args[1];
    else {
      atOpening = { ...keys };
      // the server may start meanwhile
      controller.state = { kind: "running", url: "http://127.0.0.1:8080", requests: 0 };
      controller.cliState = "ready";
    }
  });
  await openWalkthrough(controller);
  expect(atOpening).toEqual({ "claudeVirtualApi.state": undefined, "claudeVirtualApi.cli": undefined });
  expect(keys).toEqual({ "claudeVirtualApi.state": "running", "claudeVirtualApi.cli": "ready" });
  execute.mockRestore();
});
