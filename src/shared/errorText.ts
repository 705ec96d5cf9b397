/** The message for a log, with that of the cause: the failed call, its path and the system's error code. */
export function errorText({ message, cause }: Error): string {
  return cause instanceof Error && !message.includes(cause.message) ? `${message} (${cause.message})` : message;
}
