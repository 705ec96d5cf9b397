const HANDLE_ERROR_CODES = new Set(["EMFILE", "ENFILE"]);

export function isOutOfHandles(error: unknown): boolean {
  return HANDLE_ERROR_CODES.has((error as { code?: string } | undefined)?.code ?? "");
}

/** True if another kind of file is at the path, or in it. */
export function isWrongKind(error: unknown): boolean {
  return ["EISDIR", "ENOTDIR"].includes((error as { code?: string } | undefined)?.code ?? "");
}

export function isMissing(error: unknown): boolean {
  return (error as { code?: string } | undefined)?.code === "ENOENT";
}
