import * as vscode from "vscode";
import type { Logger } from "../shared/logger.ts";

/** The output channel "Claude Virtual API" as the core's logger. While VS Code shuts down, its channel throws. */
export function createOutput(): { channel: vscode.LogOutputChannel; logger: Logger } {
  const channel = vscode.window.createOutputChannel("Claude Virtual API", { log: true });
  const quietly = (write: (message: string) => void) => (message: string) => {
    try {
      write(message);
    } catch {
      // the channel is gone, and so is whoever could read it
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
