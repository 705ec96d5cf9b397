import * as vscode from "vscode";
import type { Logger } from "../shared/logger.ts";

/** Creates the output channel "Claude Virtual API" and a logger on it. The channel throws while VS Code shuts down. */
export function createOutput(): { channel: vscode.LogOutputChannel; logger: Logger } {
  const channel = vscode.window.createOutputChannel("Claude Virtual API", { log: true });
  const quietly = (write: (message: string) => void) => (message: string) => {
    try {
      write(message);
    } catch {
      // the channel is disposed
    }
  };
  const logger: Logger = {
    error: quietly((message) => channel.error(message)),
    warn: quietly((message) => channel.warn(message)),
    info: quietly((message) => channel.info(message)),
    debug: quietly((message) => channel.debug(message)),
    trace: quietly((message) => channel.trace(message)),
  };
  return { channel, logger };
}
