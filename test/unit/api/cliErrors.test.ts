import { describe, expect, it } from "vitest";
import * as errors from "../../../src/api/cliErrors.ts";
import { ApiError } from "../../../src/api/errors.ts";

const {
  isScarcity,
  isEnvironmentTrouble: _,
  isUnguarded: _unguarded,
  isUnfit: _unfit,
  isForbidden: _forbidden,
  ...factories
} = errors;
const INSTALL = "Install Claude Code (npm install -g @anthropic-ai/claude-code)";
const NO_RETRY = { "x-should-retry": "false" };
const systemError = (code: string) => Object.assign(new Error(`spawn ${code}`), { code });

type Row = [made: ApiError, status: number, type: string, message: string, headers?: object];

/** Every factory with what a client gets to see of it. */
const TABLE: Record<keyof typeof factories, Row> = {
  cliMissing: [
    errors.cliMissing(),
    500,
    "api_error",
    `Claude Code was not found. ${INSTALL}, or set the path of 'claude'.`,
    NO_RETRY,
  ],
  cliUnusable: [
    errors.cliUnusable("/a/claude", "no such file"),
    500,
    "api_error",
    "'/a/claude' does not run as Claude Code: no such file. Fix the path, or install Claude Code (npm install -g @anthropic-ai/claude-code).",
    NO_RETRY,
  ],
  cliUnguarded: [
    errors.cliUnguarded(),
    500,
    "api_error",
    "Claude Code did not load the mod that limits each request to one paid call, so nothing was sent. Check that Claude Code can read the data directory and that its managed settings allow plugins, then run 'claude-virtual-api doctor'.",
    NO_RETRY,
  ],
  modelForbidden: [
    errors.modelForbidden("sonnet"),
    403,
    "permission_error",
    "The managed settings of this machine or organization (availableModels) do not allow the model 'sonnet'. GET /v1/models lists those that can be used.",
    {},
  ],
  helperSilent: [
    errors.helperSilent(60),
    500,
    "api_error",
    "Claude Code waits for the apiKeyHelper of its settings, which has printed no key for 60 s. Run that command in a terminal to see why.",
    NO_RETRY,
  ],
  cliForbidden: [
    errors.cliForbidden("--plugin-dir is disabled by your organization's managed settings (disableSideloadFlags)."),
    500,
    "api_error",
    "The managed settings of this machine or organization keep Claude Code from serving requests: --plugin-dir is disabled by your organization's managed settings (disableSideloadFlags).",
    NO_RETRY,
  ],
  cliTooOld: [
    errors.cliTooOld("/a/claude", "1.0.0", "2.1.197"),
    500,
    "api_error",
    "Claude Code 1.0.0 at '/a/claude' is too old: at least 2.1.197 is needed. Run 'claude update'.",
    NO_RETRY,
  ],
  notSignedIn: [
    errors.notSignedIn(),
    401,
    "authentication_error",
    "Claude Code is not signed in. Run 'claude' in a terminal and sign in with /login, or set ANTHROPIC_API_KEY.",
  ],
  cliEnded: [
    errors.cliEnded("SIGKILL"),
    500,
    "api_error",
    "Claude Code ended before the answer was complete (SIGKILL). Send the request again.",
  ],
  cliSilent: [
    errors.cliSilent("initialize", 60),
    500,
    "api_error",
    "Claude Code did not answer 'initialize' within 60 s. Send the request again.",
  ],
  cliUnfit: [
    errors.cliUnfit("2.9.0", ["one call after max_tokens", "aliases become model ids"]),
    500,
    "api_error",
    "Claude Code 2.9.0 has lost what this server relies on: one call after max_tokens; aliases become model ids. Update Claude Virtual API, or install a version of Claude Code that its documentation lists.",
    NO_RETRY,
  ],
  noCliUsable: [
    errors.noCliUsable(
      [
        { path: "/a/claude", reason: "'/a/claude' does not run as Claude Code: no such file" },
        { path: "/b/claude", reason: "Claude Code 2.9.0 has lost something" },
      ],
      "cli_unusable",
    ),
    500,
    "api_error",
    "None of the 2 programs found as 'claude' can be used. '/a/claude' does not run as Claude Code: no such file. '/b/claude': Claude Code 2.9.0 has lost something. Run 'claude update', install Claude Code (npm install -g @anthropic-ai/claude-code), or set the path of 'claude'.",
    NO_RETRY,
  ],
  cliProxyInvalid: [
    errors.cliProxyInvalid("HTTPS_PROXY"),
    500,
    "api_error",
    "Claude Code cannot be started, since HTTPS_PROXY is not the URL of a proxy. Set it to one such as http://proxy.example.com:8080, or take it away.",
    NO_RETRY,
  ],
  cliBaseUrlInvalid: [
    errors.cliBaseUrlInvalid(),
    500,
    "api_error",
    "Claude Code cannot call the API, since ANTHROPIC_BASE_URL is not a URL. Set it to one such as https://gateway.example.com, or take it away.",
    NO_RETRY,
  ],
  cliEnvironment: [
    errors.cliEnvironment("TMPDIR", "/none", "which is not a directory"),
    500,
    "api_error",
    "Claude Code could not be started: TMPDIR is '/none', which is not a directory. Set TMPDIR to a directory that this user may write to.",
    NO_RETRY,
  ],
  cliReplaced: [
    errors.cliReplaced("2.1.330", "2.1.331"),
    500,
    "api_error",
    "Claude Code 2.1.330 was replaced by 2.1.331 while this request was prepared. Send the request again.",
  ],
  cliRefused: [
    errors.cliRefused("initialize", "no such thing"),
    500,
    "api_error",
    "Claude Code refused 'initialize', and nothing was sent to the API: no such thing",
    NO_RETRY,
  ],
  cliUnreadable: [
    errors.cliUnreadable("A line is too long."),
    500,
    "api_error",
    "The output of Claude Code cannot be read, and its process was ended: A line is too long. Send the request again.",
  ],
  cliUnresponsive: [
    errors.cliUnresponsive(60),
    500,
    "api_error",
    "Claude Code stopped responding for 60 s, and its process was ended. Send the request again.",
  ],
  cliTooLarge: [
    errors.cliTooLarge(2048),
    500,
    "api_error",
    "Claude Code used more than 2048 MB of memory for this request, and its process was ended.",
    NO_RETRY,
  ],
  cliNotStarted: [
    errors.cliNotStarted(Object.assign(new Error("spawn EMFILE"), { code: "EMFILE" })),
    529,
    "overloaded_error",
    "Overloaded: Claude Code could not be started, since this server has too many open files. Try again in a moment.",
    { "retry-after": "2" },
  ],
};

describe("errors of the CLI's process", () => {
  it.each(Object.entries(TABLE))("%s", (_name, [made, status, type, message, headers = {}]) => {
    expect(made).toBeInstanceOf(ApiError);
    expect({ ...made, message: made.message }).toMatchObject({ status, type, message, headers });
    expect(Object.keys(made.headers)).toEqual(Object.keys(headers));
  });

  it.each(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"])("a start that fails with %s may be tried again", (code) => {
    expect(isScarcity(systemError(code))).toBe(true);
    expect(errors.cliNotStarted(systemError(code))).toMatchObject({ status: 529, headers: { "retry-after": "2" } });
  });

  it("any other failure of a start is told in the system's words", () => {
    expect(isScarcity(systemError("ENOENT"))).toBe(false);
    const message = "Claude Code could not be started: spawn ENOENT.";
    expect(errors.cliNotStarted(systemError("ENOENT"))).toMatchObject({ status: 500, type: "api_error", message });
  });

  it("a failure in the API's words keeps them", () => {
    const error = new ApiError(401, "authentication_error", "no");
    expect(errors.cliNotStarted(error)).toBe(error);
  });
});

it.each([
  [errors.cliMissing(), "cli_missing"],
  [errors.cliUnusable("/a", "b"), "cli_unusable"],
  [errors.cliTooOld("/a", "1", "2"), "cli_too_old"],
  [errors.cliUnguarded(), "cli_unguarded"],
  [errors.notSignedIn(), "cli_not_signed_in"],
])("%s says for programs that it is %s", (error, error_code) => {
  expect(error.details).toEqual({ error_code });
});
