/** Codes of the system for a process, or a machine, that has no file handle left. */
const HANDLE_ERROR_CODES = new Set(["EMFILE", "ENFILE"]);

/** True if a step failed only because too many files and connections are open now. */
export function isOutOfHandles(error: unknown): boolean {
  return HANDLE_ERROR_CODES.has((error as { code?: string } | undefined)?.code ?? "");
}

/** True if there is no such file or directory. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: string } | undefined)?.code === "ENOENT";
}
