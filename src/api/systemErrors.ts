/** The process, or the machine, has no file handle left. */
const HANDLE_ERROR_CODES = new Set(["EMFILE", "ENFILE"]);

/** True if a step failed because too many files and connections are open. */
export function isOutOfHandles(error: unknown): boolean {
  return HANDLE_ERROR_CODES.has((error as { code?: string } | undefined)?.code ?? "");
}

/** True if the file or directory does not exist. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: string } | undefined)?.code === "ENOENT";
}
