import type { Logger } from "../../src/shared/logger.ts";

/** A logger that adds each message to `log`, with its level in the form of `mark`. */
export function recordingLogger(log: string[], mark = (level: string) => `[${level}]`): Logger {
  const note = (level: string) => (message: string) => void log.push(`${mark(level)} ${message}`);
  return {
    error: note("error"),
    warn: note("warn"),
    info: note("info"),
    debug: note("debug"),
    trace: note("trace"),
  };
}
