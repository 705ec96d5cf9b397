import { ApiError, NO_RETRY } from "./errors.ts";

/** What is wrong with the CLI, told as `error.details.error_code` too. */
export type CliProblem =
  | "cli_missing"
  | "cli_unusable"
  | "cli_too_old"
  | "cli_unfit"
  | "cli_unguarded"
  | "cli_forbidden"
  | "cli_environment"
  | "cli_not_signed_in";

const cliProblem = (error_code: CliProblem) => ({ details: { error_code }, headers: NO_RETRY });

function hasProblem(error: unknown, problem: CliProblem): boolean {
  return error instanceof ApiError && error.details?.error_code === problem;
}

/** Characters of the CLI's own words that an error repeats. */
const QUOTED_CHARACTERS = 500;

const INSTALL_HINT = "Install Claude Code (npm install -g @anthropic-ai/claude-code)";

export const cliMissing = () =>
  new ApiError(
    500,
    "api_error",
    `Claude Code was not found. ${INSTALL_HINT}, or set the path of 'claude'.`,
    cliProblem("cli_missing"),
  );

export const cliUnusable = (path: string, reason: string) =>
  new ApiError(
    500,
    "api_error",
    `'${path}' does not run as Claude Code: ${reason}. Fix the path, or install Claude Code (npm install -g @anthropic-ai/claude-code).`,
    cliProblem("cli_unusable"),
  );

export const cliTooOld = (path: string, version: string, minimum: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code ${version} at '${path}' is too old: at least ${minimum} is needed. Run 'claude update'.`,
    cliProblem("cli_too_old"),
  );

export const cliUnfit = (version: string, lost: readonly string[]) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code ${version} has lost what this server relies on: ${lost.join("; ")}. Update Claude Virtual API, or install a version of Claude Code that its documentation lists.`,
    cliProblem("cli_unfit"),
  );

export const cliUnguarded = () =>
  new ApiError(
    500,
    "api_error",
    "Claude Code did not load the mod that limits each request to one paid call, so nothing was sent. Check that Claude Code can read the data directory and that its managed settings allow plugins, then run 'claude-virtual-api doctor'.",
    cliProblem("cli_unguarded"),
  );

/** Whether a version of the CLI has lost something that the server relies on. */
export function isUnfit(error: unknown): boolean {
  return hasProblem(error, "cli_unfit");
}

/** Whether a worker could not be used for want of the one-call mod. */
export function isUnguarded(error: unknown): boolean {
  return hasProblem(error, "cli_unguarded");
}

/** The CLI ended at its start with these words about an organization's settings. */
export const cliForbidden = (words: string) =>
  new ApiError(
    500,
    "api_error",
    `The managed settings of this machine or organization keep Claude Code from serving requests: ${words.slice(0, QUOTED_CHARACTERS)}`,
    cliProblem("cli_forbidden"),
  );

/** The organization does not allow this model. */
export const modelForbidden = (model: string) =>
  new ApiError(
    403,
    "permission_error",
    `The managed settings of this machine or organization (availableModels) do not allow the model '${model}'. GET /v1/models lists those that can be used.`,
  );

/** Whether an organization's settings keep every version of the CLI from serving. */
export function isForbidden(error: unknown): boolean {
  return hasProblem(error, "cli_forbidden");
}

export const notSignedIn = () =>
  new ApiError(
    401,
    "authentication_error",
    "Claude Code is not signed in. Run 'claude' in a terminal and sign in with /login, or set ANTHROPIC_API_KEY.",
    { details: { error_code: "cli_not_signed_in" satisfies CliProblem } },
  );

export const cliEnded = (how: string) =>
  new ApiError(500, "api_error", `Claude Code ended before the answer was complete (${how}). Send the request again.`);

export const cliSilent = (what: string, seconds: number) =>
  new ApiError(500, "api_error", `Claude Code did not answer '${what}' within ${seconds} s. Send the request again.`);

/** The CLI was not even started, since its key did not come. */
export const helperSilent = (seconds: number) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code waits for the apiKeyHelper of its settings, which has printed no key for ${seconds} s. Run that command in a terminal to see why.`,
    { headers: NO_RETRY },
  );

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
    cliProblem(error_code),
  );
};

/** A variable names a directory that the CLI cannot do without. */
export const cliEnvironment = (name: string, path: string, reason: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code could not be started: ${name} is '${path}', ${reason}. Set ${name} to a directory that this user may write to.`,
    cliProblem("cli_environment"),
  );

export const cliProxyInvalid = (name: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code cannot be started, since ${name} is not the URL of a proxy. Set it to one such as http://proxy.example.com:8080, or take it away.`,
    cliProblem("cli_environment"),
  );

export const cliBaseUrlInvalid = () =>
  new ApiError(
    500,
    "api_error",
    "Claude Code cannot call the API, since ANTHROPIC_BASE_URL is not a URL. Set it to one such as https://gateway.example.com, or take it away.",
    cliProblem("cli_environment"),
  );

/** Whether a directory that a variable names keeps every version of the CLI from running. */
export function isEnvironmentTrouble(error: unknown): boolean {
  return hasProblem(error, "cli_environment");
}

/** The program at the path is no longer the one that was checked. */
export const cliReplaced = (expected: string, version: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code ${expected} was replaced by ${version} while this request was prepared. Send the request again.`,
  );
