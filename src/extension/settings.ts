import * as vscode from "vscode";
import { defaultOptions, type ServerOptions } from "../options.ts";

/** The core's options as the user's settings say; `dataDir` is the extension's own storage. */
export function readOptions(dataDir: string): ServerOptions {
  const settings = vscode.workspace.getConfiguration("claudeVirtualApi");
  const claudePath = settings.get<string>("claudePath");
  return {
    ...defaultOptions,
    port: settings.get<number>("port", defaultOptions.port),
    ...(claudePath && { claudePath }),
    dataDir,
    environment: process.env,
  };
}
