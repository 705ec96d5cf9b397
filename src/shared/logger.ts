/** Where the core says what it does. VS Code's `LogOutputChannel` is one; so is the headless entry's stderr. */
export interface Logger {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  trace(message: string): void;
}
