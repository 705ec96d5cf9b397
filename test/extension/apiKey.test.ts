import { afterEach, describe, expect, it, vi } from "vitest";
import * as vscode from "vscode";
import { createApiKey } from "../../src/extension/commands/preferences.ts";
import type { Parts } from "../../src/extension/commands/register.ts";

afterEach(() => vi.restoreAllMocks());

/** The command's parts with the current key; `done` records its actions. */
function partsWith(key: string | undefined) {
  const done: string[] = [];
  const settings = {
    requiredApiKey: async () => key,
    createApiKey: async () => void done.push("create"),
    update: async (name: string, value: unknown) => void done.push(`${name} ${value}`),
  };
  const controller = { state: { kind: "running" }, restart: async () => void done.push("restart") };
  return { parts: { settings, controller } as unknown as Parts, done };
}

describe("Create API Key", () => {
  it("creates a key, requires it and offers to copy the variables for clients", async () => {
    const { parts, done } = partsWith(undefined);
    vi.spyOn(vscode.window, "showInformationMessage").mockImplementation(async (_text, ...items) => items[0] as never);
    const run = vi.spyOn(vscode.commands, "executeCommand");
    await createApiKey(parts);
    expect(done).toEqual(["create", "requireApiKey true", "restart"]);
    expect(run).toHaveBeenCalledWith("claudeVirtualApi.copyEnvironment");
  });

  it("asks before it replaces the current key", async () => {
    const { parts, done } = partsWith("old");
    const ask = vi.spyOn(vscode.window, "showWarningMessage").mockResolvedValue(undefined as never);
    await createApiKey(parts);
    expect(done).toEqual([]);
    ask.mockResolvedValue("Replace" as never);
    await createApiKey(parts);
    expect(done).toEqual(["create", "requireApiKey true", "restart"]);
  });
});
