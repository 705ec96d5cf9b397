import { ApiError, type CliProblem, NO_RETRY } from "./errors.ts";

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

/** Several programs were found in the search, and none of them can be used. */
export const noCliUsable = (found: readonly { path: string; reason: string }[], error_code: CliProblem) => {
  const list = found.map(({ path, reason }) => (reason.includes(`'${path}'`) ? reason : `'${path}': ${reason}`));
  return new ApiError(
    500,
    "api_error",
    `None of the ${found.length} programs found as 'claude' can be used. ${list.join(". ")}. Run 'claude update', install Claude Code (npm install -g @anthropic-ai/claude-code), or set the path of 'claude'.`,
    { details: { error_code }, headers: NO_RETRY },
  );
};

/** A variable names a directory that the CLI cannot do without. */
export const cliEnvironment = (name: string, path: string, reason: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code could not be started: ${name} is '${path}', ${reason}. Set ${name} to a directory that this user may write to.`,
    { details: { error_code: "cli_environment" satisfies CliProblem }, headers: NO_RETRY },
  );

/** Whether a directory that a variable names keeps every version of the CLI from running. */
export function isEnvironmentTrouble(error: unknown): boolean {
  return error instanceof ApiError && error.details?.error_code === ("cli_environment" satisfies CliProblem);
}

/** The program at the path is no longer the one that was checked. */
export const cliReplaced = (expected: string, version: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code ${expected} was replaced by ${version} while this request was prepared. Send the request again.`,
  );
