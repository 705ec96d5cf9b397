import { ApiError, NO_RETRY } from "./errors.ts";
import { describe, describeReason, type MessageDescriptor, type MessageValue } from "./messageDescriptors.ts";

/** Sent as `error.details.error_code`. */
export type CliErrorCode =
  | "cli_missing"
  | "cli_unusable"
  | "cli_too_old"
  | "cli_unfit"
  | "cli_unguarded"
  | "cli_forbidden"
  | "cli_environment"
  | "cli_not_signed_in";

const cliProblem = (error_code: CliErrorCode, descriptor: MessageDescriptor) => ({
  details: { error_code },
  descriptor,
  headers: NO_RETRY,
});

function hasProblem(error: unknown, problem: CliErrorCode): boolean {
  return error instanceof ApiError && error.details?.error_code === problem;
}

const QUOTED_CHARACTERS = 500;

const INSTALL_COMMAND = "npm install -g @anthropic-ai/claude-code";
const PATH_OPTION = "--claude, or claudeVirtualApi.claudePath in VS Code";

export const cliMissing = () =>
  new ApiError(
    500,
    "api_error",
    `Claude Code was not found. Install it (${INSTALL_COMMAND}), or set its path (${PATH_OPTION}).`,
    cliProblem("cli_missing", describe("cli_missing", {})),
  );

/** `described` is the reason for translation. */
export const cliUnusable = (path: string, reason: string, described: MessageValue = reason) =>
  new ApiError(
    500,
    "api_error",
    `'${path}' does not run as Claude Code: ${reason}. Fix the path (${PATH_OPTION}), or install Claude Code (${INSTALL_COMMAND}).`,
    cliProblem("cli_unusable", describe("cli_unusable", { path, reason: described })),
  );

export const cliTooOld = (path: string, version: string, minimum: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code ${version} at '${path}' is too old: at least ${minimum} is needed. Run 'claude update'.`,
    cliProblem("cli_too_old", describe("cli_too_old", { path, version, minimum })),
  );

/** `described` are the failed checks for translation. */
export const cliIncompatible = (
  version: string,
  failedChecks: readonly string[],
  described: MessageValue = failedChecks,
) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code ${version} is not compatible with this server; failed checks: ${failedChecks.join("; ")}. Update Claude Virtual API, or install a version of Claude Code that its documentation lists.`,
    cliProblem("cli_unfit", describe("cli_incompatible", { version, checks: described })),
  );

export const cliUnguarded = () =>
  new ApiError(
    500,
    "api_error",
    "Claude Code did not load the mod that limits each request to one paid call, so nothing was sent. Check that Claude Code can read the data directory and that its managed settings allow plugins, then run 'claude-virtual-api doctor'.",
    cliProblem("cli_unguarded", describe("cli_unguarded", {})),
  );

export function isIncompatible(error: unknown): boolean {
  return hasProblem(error, "cli_unfit");
}

/** True if a worker did not load the one-call mod. */
export function isUnguarded(error: unknown): boolean {
  return hasProblem(error, "cli_unguarded");
}

/** The CLI exited at startup with this message about an organization's settings. */
export const cliForbidden = (message: string, described: MessageValue = message.slice(0, QUOTED_CHARACTERS)) =>
  new ApiError(
    500,
    "api_error",
    `The managed settings of this machine or organization keep Claude Code from serving requests: ${message.slice(0, QUOTED_CHARACTERS)}`,
    cliProblem("cli_forbidden", describe("cli_forbidden", { reason: described })),
  );

export const modelForbidden = (model: string) =>
  new ApiError(
    403,
    "permission_error",
    `The managed settings of this machine or organization (availableModels) do not allow the model '${model}'. GET /v1/models lists the models you can use.`,
    { descriptor: describe("model_forbidden", { model }) },
  );

/** True if an organization's settings block every version of the CLI. */
export function isForbidden(error: unknown): boolean {
  return hasProblem(error, "cli_forbidden");
}

export const notSignedIn = () =>
  new ApiError(
    401,
    "authentication_error",
    "Claude Code is not signed in. Run 'claude' in a terminal and sign in with /login, or set ANTHROPIC_API_KEY.",
    {
      details: { error_code: "cli_not_signed_in" satisfies CliErrorCode },
      descriptor: describe("cli_not_signed_in", {}),
    },
  );

export const cliEnded = (how: string) =>
  new ApiError(500, "api_error", `Claude Code ended before the answer was complete (${how}). Send the request again.`, {
    descriptor: describe("cli_ended", { how }),
  });

export const cliSilent = (what: string, seconds: number) =>
  new ApiError(500, "api_error", `Claude Code did not answer '${what}' within ${seconds} s. Send the request again.`, {
    descriptor: describe("cli_silent", { request: what, seconds }),
  });

/** The CLI has sent nothing: it waits for the helper's key. */
export const helperSilent = (seconds: number) =>
  new ApiError(
    500,
    "api_error",
    `The apiKeyHelper in Claude Code's settings has printed no key for ${seconds} s. Run that command in a terminal to see why.`,
    { descriptor: describe("helper_silent", { seconds }), headers: NO_RETRY },
  );

/** The CLI answered a control request with an error. The model was not called. */
export const cliRefused = (what: string, reason: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code refused '${what}', and nothing was sent to the API: ${reason.slice(0, QUOTED_CHARACTERS)}`,
    {
      descriptor: describe("cli_refused", {
        request: what,
        reason: describeReason(reason.slice(0, QUOTED_CHARACTERS)),
      }),
      headers: NO_RETRY,
    },
  );

export const cliUnreadable = (reason: string) =>
  new ApiError(
    500,
    "api_error",
    `The output of Claude Code cannot be read, and its process was ended: ${reason.replace(/\.$/, "")}. Send the request again.`,
    { descriptor: describe("cli_unreadable", { reason: reason.replace(/\.$/, "") }) },
  );

export const cliUnresponsive = (seconds: number) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code stopped responding for ${seconds} s, and its process was ended. Send the request again.`,
    { descriptor: describe("cli_unresponsive", { seconds }) },
  );

export const cliTooLarge = (megabytes: number) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code used more than ${megabytes} MB of memory for this request, and its process was ended. Send a smaller request.`,
    { descriptor: describe("cli_too_large", { megabytes }), headers: NO_RETRY },
  );

/** Shortages that may pass in a moment. */
const SCARCE_RESOURCES: Record<string, string> = {
  EMFILE: "this server has too many open files",
  ENFILE: "the system has too many open files",
  EAGAIN: "the system has too many processes",
  ENOMEM: "the system is out of memory",
};

const SCARCE_DESCRIPTORS: Record<string, MessageDescriptor> = {
  EMFILE: describe("process_files", {}),
  ENFILE: describe("system_files", {}),
  EAGAIN: describe("system_processes", {}),
  ENOMEM: describe("system_memory", {}),
};

/** Also looks at the cause. */
export const isScarcity = (error: unknown): boolean => {
  const { code = "", cause } = error as NodeJS.ErrnoException;
  return SCARCE_RESOURCES[code] !== undefined || (cause !== undefined && isScarcity(cause));
};

/** For a failed start of the CLI. Returns an `ApiError` unchanged. */
export const cliNotStarted = (error: unknown) => {
  if (error instanceof ApiError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const scarce = SCARCE_RESOURCES[code];
  if (!scarce) {
    return new ApiError(500, "api_error", `Claude Code could not be started: ${message}.`, {
      descriptor: describe("cli_not_started", { reason: message }),
      cause: error,
    });
  }
  return new ApiError(
    529,
    "overloaded_error",
    `Overloaded: Claude Code could not be started, since ${scarce}. Try again in a moment.`,
    {
      descriptor: describe("cli_start_overloaded", { reason: SCARCE_DESCRIPTORS[code] ?? scarce }),
      headers: { "retry-after": "2" },
      cause: error,
    },
  );
};

export const noCliUsable = (found: readonly { path: string; reason: string }[], error_code: CliErrorCode) => {
  const list = found.map(({ path, reason }) => (reason.includes(`'${path}'`) ? reason : `'${path}': ${reason}`));
  return new ApiError(
    500,
    "api_error",
    `None of the ${found.length} programs found as 'claude' can be used. ${list.join(". ")}. Run 'claude update', install Claude Code (${INSTALL_COMMAND}), or set its path (${PATH_OPTION}).`,
    cliProblem(error_code, describe("clis_unusable", { count: found.length, paths: found.map(({ path }) => path) })),
  );
};

/** A variable names a directory that the CLI needs and cannot use. */
export const cliEnvironment = (
  name: string,
  path: string,
  reason: string,
  descriptor = describe("cli_environment", { name, path, reason }),
) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code could not be started: ${name} is '${path}', ${reason}. Set ${name} to a directory that this user may write to.`,
    cliProblem("cli_environment", descriptor),
  );

export const cliProxyInvalid = (name: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code cannot be started, since ${name} is not the URL of a proxy. Set it to a URL such as http://proxy.example.com:8080, or unset it.`,
    cliProblem("cli_environment", describe("cli_proxy_invalid", { name })),
  );

export const cliBaseUrlInvalid = () =>
  new ApiError(
    500,
    "api_error",
    "Claude Code cannot call the API, since ANTHROPIC_BASE_URL is not a URL. Set it to a URL such as https://gateway.example.com, or unset it.",
    cliProblem("cli_environment", describe("cli_base_url_invalid", {})),
  );

/** True if an environment variable keeps every version of the CLI from running. */
export function isEnvironmentProblem(error: unknown): boolean {
  return hasProblem(error, "cli_environment");
}

export const cliReplaced = (expected: string, version: string) =>
  new ApiError(
    500,
    "api_error",
    `Claude Code ${expected} was replaced by ${version} while this request was prepared. Send the request again.`,
    { descriptor: describe("cli_replaced", { expected, version }) },
  );
