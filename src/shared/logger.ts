/** The core's log. VS Code's `LogOutputChannel` implements it, and so does the headless entry with stderr. */
export interface Logger {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  trace(message: string): void;
}
