import { ApiError, NO_RETRY } from "./errors.ts";

/** Characters of the CLI's own words that an error repeats. */
const QUOTED_CHARACTERS = 500;

/** A control request that the CLI answered with an error. The model was not asked. */
export const cliRefused = (what: string, reason: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code refused '${what}', and nothing was sent to the API: ${reason.slice(0, QUOTED_CHARACTERS)}`,
    { headers: NO_RETRY },
  );

export const cliUnreadable = (reason: string) =>
  new ApiError(
    500,
    "api_error",
    `The output of Claude Code cannot be read, and its process was ended: ${reason.replace(/\.$/, "")}. Send the request again.`,
  );

export const cliUnresponsive = (seconds: number) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code stopped responding for ${seconds} s, and its process was ended. Send the request again.`,
  );

export const cliTooLarge = (megabytes: number) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code used more than ${megabytes} MB of memory for this request, and its process was ended.`,
    { headers: NO_RETRY },
  );

/** Codes of the system for too few file descriptors, processes or memory, which others may give back in a moment. */
const SCARCE: Record<string, string> = {
  EMFILE: "this server has too many open files",
  ENFILE: "the system has too many open files",
  EAGAIN: "the system has too many processes",
  ENOMEM: "the system is out of memory",
};

/** True if the system lacked a resource that it may have again in a moment, also where that is the cause of `error`. */
export const isScarcity = (error: unknown): boolean => {
  const { code = "", cause } = error as NodeJS.ErrnoException;
  return SCARCE[code] !== undefined || (cause !== undefined && isScarcity(cause));
};

/** Something that a start of the CLI needs has failed; what is an `ApiError` stays one. */
export const cliNotStarted = (error: unknown) => {
  if (error instanceof ApiError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const scarce = SCARCE[code];
  if (!scarce) return new ApiError(500, "api_error", `Claude Code could not be started: ${message}.`);
  return new ApiError(
    529,
    "overloaded_error",
    `Overloaded: Claude Code could not be started, since ${scarce}. Try again in a moment.`,
    { headers: { "retry-after": "2" }, cause: error },
  );
};
